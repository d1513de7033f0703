//! `GET /api/v1/me/usage`. How calls come to be on record is in practice's tests of models.

use local::testkit::{Stack, stack};
use serde_json::json;

#[tokio::test]
async fn usage_is_by_day_of_the_person_and_by_feature() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    for user in [&alice, &bob] {
        db.batch_execute(&format!(
            "insert into identity.users (id, timezone) values ('{0}', 'Pacific/Kiritimati');
             insert into platform.model_calls (id, user_id, feature, provider, model, request_id, day, reserved_micros, outcome,
                                               tokens_in, tokens_out, cost_micros)
             select gen_random_uuid(), '{0}', feature, 'p', 'm', 'r', (now() at time zone 'Pacific/Kiritimati')::date - days, 50,
                    outcome, tokens, tokens, cost
             from (values (0, 'test.a', 'answered', 10, 7), (0, 'test.b', 'answered', 20, 9), (0, 'test.b', 'failed', null, 0),
                          (0, 'test.b', null, null, null), (1, 'test.a', 'stopped', 1, 1), (40, 'test.a', 'answered', 1, 1))
                 as call (days, feature, outcome, tokens, cost);
             insert into platform.budgets (user_id, day, spent_micros)
             values ('{0}', (now() at time zone 'Pacific/Kiritimati')::date, 66)",
            user.id()
        ))
        .await
        .unwrap();
    }
    let answer = alice.get("/api/v1/me/usage").await;
    answer.assert_status(200);
    let usage = answer.json();
    let days = usage["days"].as_array().unwrap();
    assert_eq!(days.len(), 2, "{usage}");
    let today = json!({
        "day": days[0]["day"], "calls": 4, "answered": 2, "tokens_in": 30, "tokens_out": 30, "cost_micros": 66,
        "features": [{ "feature": "test.b", "calls": 3, "cost_micros": 59 }, { "feature": "test.a", "calls": 1, "cost_micros": 7 }],
    });
    assert_eq!(days[0], today, "what was never heard of again counts with what was put aside");
    assert_eq!(
        (&usage["budget"]["spent_micros"], &usage["budget"]["daily_micros"]),
        (&json!(66), &json!(1_000_000))
    );
    let midnight = "select (date_trunc('day', now() at time zone 'Pacific/Kiritimati') + interval '1 day')
                               at time zone 'Pacific/Kiritimati' = $1::text::timestamptz";
    let frees_at = usage["budget"]["frees_at"].as_str().unwrap();
    assert!(db.query_one(midnight, &[&frees_at]).await.unwrap().get::<_, bool>(0), "{frees_at}");
    assert_eq!(alice.get("/api/v1/me/usage?days=90").await.json()["days"].as_array().unwrap().len(), 3);
    assert_eq!(alice.get("/api/v1/me/usage?days=1").await.json()["days"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_zone_that_the_server_does_not_know_is_the_nearest_that_it_does() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let zone = format!("insert into identity.users (id, timezone) values ('{}', 'Mars/Olympus')", alice.id());
    db.batch_execute(&zone).await.unwrap();
    alice.get("/api/v1/me/usage").await.assert_status(200);
    let admit = format!(
        "select verdict from platform.admit_call('{}', gen_random_uuid(), 'a.b', 'p', 'm', 'r', 1, 10, 1)",
        alice.id()
    );
    db.batch_execute("begin; set local role praxis_service").await.unwrap();
    assert_eq!(db.query_one(&admit, &[]).await.unwrap().get::<_, String>(0), "pass");
}

#[tokio::test]
async fn who_never_asked_has_spent_nothing() {
    let stack = Stack::builder().env("LLM_DAILY_BUDGET_USD", "0.5").start().await;
    let usage = stack.user().get("/api/v1/me/usage").await.json();
    assert_eq!((&usage["days"], &usage["budget"]["spent_micros"]), (&json!([]), &json!(0)));
    assert_eq!(usage["budget"]["daily_micros"], 500_000);
    for wrong in ["0", "91", "x"] {
        stack.user().get(&format!("/api/v1/me/usage?days={wrong}")).await.assert_invalid(&["/days"]);
    }
    stack.anonymous().get("/api/v1/me/usage").await.assert_status(401);
}
