//! What calls of models cost, whose budget that is, and when a provider is left alone: on the routes that ask the model.

use std::time::Duration;

use futures_util::future::join_all;
use local::testkit::{
    Client, Stack,
    fakes::{Behaviour, Provider},
};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

use crate::given;

/// What the fake's answer costs: 21 tokens in, 8 out.
const PRICES: (&str, &str) = ("LLM_PRICES", r#"{"test-model": [100, 1000]}"#);
const COST: i64 = 21 * 100 + 8 * 1000;

async fn provider() -> Provider {
    Provider::start(Behaviour::Text("I hear you.".to_owned())).await
}

/// As many sessions as there are messages at once: one session answers one after the other.
async fn sessions(user: &Client, count: usize) -> Vec<Uuid> {
    let scene = given::scene(user).await;
    join_all((0..count).map(|_| given::session_on(user, scene))).await
}

async fn send(user: &Client, session: Uuid) -> Value {
    let answer = given::send(user, session, &given::message("Could we agree a date?")).await;
    answer.assert_status(200);
    answer.json()
}

async fn sources(db: &Database) -> (i64, i64) {
    let of = async |source: &str| {
        given::count(db, &format!("select count(*) from practice.turns where source = '{source}'")).await
    };
    (of("model").await, of("rules").await)
}

#[tokio::test]
async fn every_call_is_on_record_with_what_it_cost() {
    let provider = provider().await;
    let stack = given::stack_with_settings(&provider, &[PRICES]).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let path = format!("/api/v1/sessions/{session}/messages");
    let answer = alice.post(&path, message).header("x-request-id", "r-17").await;
    answer.assert_status(200);
    let rewrite =
        json!({ "source_message_id": answer.json()["user_message_id"], "rewrite_style": "NEUTRAL" });
    alice.post(&format!("/api/v1/sessions/{session}/rewrite"), rewrite).await.assert_status(200);

    let calls = "select jsonb_agg(to_jsonb(call) order by called_at) from platform.model_calls as call";
    let calls: Value = db.query_one(calls, &[]).await.unwrap().get(0);
    let features: Vec<&Value> = calls.as_array().unwrap().iter().map(|call| &call["feature"]).collect();
    assert_eq!(features, ["practice.reply", "practice.rewrite"]);
    let reply = &calls[0];
    assert_eq!((&reply["request_id"], &reply["model"]), (&json!("r-17"), &json!("test-model")));
    assert_eq!(
        (&reply["tokens_in"], &reply["tokens_out"], &reply["cost_micros"]),
        (&json!(21), &json!(8), &json!(COST))
    );
    assert_eq!(
        (&reply["outcome"], &reply["attempts"], &reply["error"]),
        (&json!("answered"), &json!(1), &json!(null))
    );
    assert!(provider.base_url().contains(reply["provider"].as_str().unwrap()));

    let usage = alice.get("/api/v1/me/usage").await;
    usage.assert_status(200);
    let usage = usage.json();
    assert_eq!(usage["budget"]["spent_micros"], 2 * COST, "what was put aside is settled");
    assert_eq!(usage["budget"]["daily_micros"], 1_000_000);
    let day = &usage["days"][0];
    assert_eq!(
        (&day["calls"], &day["answered"], &day["cost_micros"]),
        (&json!(2), &json!(2), &json!(2 * COST))
    );
    assert_eq!(day["features"].as_array().unwrap().len(), 2);
    // Another sees nothing of it; the metrics have the sums.
    assert_eq!(stack.user().get("/api/v1/me/usage").await.json()["days"], json!([]));
    let totals =
        "select coalesce(sum(calls), 0)::bigint from platform.model_totals where outcome = 'answered'";
    assert_eq!(given::count(&db, totals).await, 2);
}

#[tokio::test]
async fn without_a_model_there_is_no_call() {
    let stack = local::testkit::stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    send(&alice, given::session(&alice).await).await;
    assert_eq!(given::count(&db, "select count(*) from platform.model_calls").await, 0);
    assert_eq!(alice.get("/api/v1/me/usage").await.json()["budget"]["spent_micros"], 0);
}

#[tokio::test]
async fn a_spent_budget_lets_the_rules_answer_until_the_persons_next_day() {
    let provider = provider().await;
    // An estimate, whose answer has 220 tokens, is a little more than 2.2 dollars; an answer costs 0.08.
    let settings = [("LLM_PRICES", r#"{"*": [100, 10000]}"#), ("LLM_DAILY_BUDGET_USD", "2.27")];
    let stack = given::stack_with_settings(&provider, &settings).await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    for session in sessions(&alice, 3).await {
        send(&alice, session).await;
    }
    assert_eq!(
        (sources(&db).await, provider.count()),
        ((1, 2), 1),
        "an estimate that has no room is not asked"
    );
    // Another's budget is their own.
    send(&bob, given::session(&bob).await).await;
    assert_eq!(sources(&db).await, (2, 2));
    given::execute(&db, "update platform.budgets set day = day - 1").await;
    send(&alice, given::session(&alice).await).await;
    assert_eq!(sources(&db).await, (3, 2), "another day, another budget");
}

#[tokio::test]
async fn calls_at_the_same_time_never_spend_more_than_there_is() {
    let provider =
        Provider::start(Behaviour::Slow(Duration::from_millis(300), "I hear you.".to_owned())).await;
    let stack = given::stack_with_settings(&provider, &[PRICES, ("LLM_DAILY_BUDGET_USD", "0.9")]).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let sessions = sessions(&alice, 8).await;
    join_all(sessions.iter().map(|session| send(&alice, *session))).await;
    let (by_model, by_rules) = sources(&db).await;
    assert!(by_model >= 1 && by_rules >= 4, "{by_model} by the model, {by_rules} by the rules");
    let reserved = "select coalesce(sum(reserved_micros), 0)::bigint from platform.model_calls";
    assert!(given::count(&db, reserved).await <= 900_000, "all estimates together have room");
    let spent = "select spent_micros from platform.budgets";
    assert_eq!(given::count(&db, spent).await, by_model * COST);
}

#[tokio::test]
async fn a_call_whose_function_dies_stays_on_record_and_counts_as_spent() {
    let provider = Provider::start(Behaviour::Hang).await;
    let stack = given::stack_with_settings(&provider, &[PRICES]).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let (dead, ()) = tokio::join!(given::send(&alice, session, &message).into_future(), async {
        provider.wait_for(1).await;
        stack.lambda().crash("send-message");
    });
    assert!(dead.status() >= 500);
    let open = "select count(*) from platform.model_calls where outcome is null and cost_micros is null";
    assert_eq!(given::count(&db, open).await, 1);
    let usage = alice.get("/api/v1/me/usage").await.json();
    let reserved = given::count(&db, "select sum(reserved_micros)::bigint from platform.model_calls").await;
    assert_eq!(
        (&usage["budget"]["spent_micros"], &usage["days"][0]["cost_micros"]),
        (&json!(reserved), &json!(reserved))
    );
    // The same message again is answered, once.
    provider.always(Behaviour::Text("I hear you.".to_owned()));
    given::execute(&db, "update practice.turns set claimed_until = now()").await;
    let again = given::send(&alice, session, &message).await;
    assert_eq!(again.json()["assistant_message"]["content"], "I hear you.");
    assert_eq!(sources(&db).await, (1, 0));
}

#[tokio::test]
async fn an_answer_that_could_not_be_stored_is_asked_for_again_and_both_calls_are_on_record() {
    // Killed between the provider's answer and our row.
    let provider = provider().await;
    let stack = given::stack_with_settings(&provider, &[PRICES]).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    given::execute(
        &db,
        "create function practice.stop() returns trigger language plpgsql as
         $$begin perform pg_advisory_xact_lock(4711); return new; end$$;
         create trigger a_stop before update on practice.turns for each row execute function practice.stop();
         select pg_advisory_lock(4711)",
    )
    .await;
    let (dead, ()) = tokio::join!(given::send(&alice, session, &message).into_future(), async {
        let waiting =
            "select count(*) from pg_locks where locktype = 'advisory' and objid = 4711 and not granted";
        given::until(&db, waiting, |count| count > 0).await;
        stack.lambda().crash("send-message");
        given::execute(
            &db,
            "select pg_terminate_backend(pid) from pg_locks where objid = 4711 and not granted",
        )
        .await;
    });
    assert!(dead.status() >= 500);
    given::execute(&db, "select pg_advisory_unlock(4711); drop function practice.stop cascade").await;
    given::execute(&db, "update practice.turns set claimed_until = now()").await;
    let again = given::send(&alice, session, &message).await;
    again.assert_status(200);
    assert_eq!(sources(&db).await, (1, 0));
    let calls = "select count(*) from platform.model_calls where outcome is null";
    assert_eq!((provider.count(), given::count(&db, calls).await), (2, 1));
    let spent = given::count(&db, "select spent_micros from platform.budgets").await;
    let open = given::count(
        &db,
        "select sum(reserved_micros)::bigint from platform.model_calls where outcome is null",
    )
    .await;
    assert_eq!(spent, COST + open);
}

const STATE: &str =
    "select coalesce(max(failures), 0)::bigint from platform.circuit_breakers where opened_at is null";
const OPEN: &str = "select count(*) from platform.circuit_breakers where opened_at is not null";

/// The time of the breaker's wait goes by.
async fn recover(db: &Database) {
    given::execute(
        db,
        "update platform.circuit_breakers set opened_at = opened_at - recovery_seconds * interval '1 second'",
    )
    .await;
}

async fn failing(status: u16) -> (Provider, Stack) {
    let provider = Provider::start(Behaviour::Status(status)).await;
    let stack = given::stack_with(&provider).await;
    (provider, stack)
}

#[tokio::test]
async fn a_provider_that_fails_five_times_is_left_alone_and_one_call_sees_whether_it_is_back() {
    let (provider, stack) = failing(500).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let scene = given::scene(&alice).await;
    for failures in 1..=4 {
        send(&alice, given::session_on(&alice, scene).await).await;
        assert_eq!((given::count(&db, STATE).await, given::count(&db, OPEN).await), (failures, 0));
    }
    send(&alice, given::session_on(&alice, scene).await).await;
    assert_eq!(given::count(&db, OPEN).await, 1);
    let asked = provider.count();
    send(&alice, given::session_on(&alice, scene).await).await;
    assert_eq!(provider.count(), asked, "it is met with the rules at once");
    let breakers = alice.get("/api/v1/jobs/circuit-breakers").await.json();
    let shown = |breakers: &Value| {
        let all = breakers.as_array().unwrap().clone();
        all.into_iter().find(|breaker| breaker["name"] != "postgres").expect("the provider's")
    };
    let open = shown(&breakers);
    assert_eq!((&open["state"], &open["failure_count"]), (&json!("open"), &json!(5)));
    assert!(
        (1..=30).contains(&open["time_to_recovery"].as_i64().unwrap()) && open["last_failure_at"].is_string()
    );

    // Half open: of several at once one asks. It fails, and the wait is twice as long.
    recover(&db).await;
    assert_eq!(shown(&alice.get("/api/v1/jobs/circuit-breakers").await.json())["state"], "half_open");
    provider.always(Behaviour::Slow(Duration::from_millis(500), "I hear you.".to_owned()));
    provider.then([Behaviour::Hang]);
    let calls = "select count(*) from platform.model_calls";
    let before = given::count(&db, calls).await;
    let sessions = sessions(&alice, 4).await;
    // The first is let through and hangs; its lease is over before it is heard of.
    let lost = async {
        let first = given::send(&alice, sessions[0], &given::message("Could we agree a date?")).into_future();
        let (_, ()) = tokio::join!(first, async {
            given::until(
                &db,
                "select count(*) from platform.circuit_breakers where probe is not null",
                |count| count == 1,
            )
            .await;
            for session in &sessions[1..3] {
                send(&alice, *session).await;
            }
            assert_eq!(given::count(&db, calls).await, before + 1, "one at a time");
            provider.wait_for(asked + 1).await;
            stack.lambda().crash("send-message");
        });
    };
    lost.await;
    given::execute(&db, "update platform.circuit_breakers set probe_until = now() - interval '1 second'")
        .await;
    send(&alice, sessions[3]).await;
    let waits = "select recovery_seconds::bigint from platform.circuit_breakers where probe is null";
    assert_eq!(given::count(&db, waits).await, 60, "one that is never heard of has failed");
    // One that succeeds closes it.
    recover(&db).await;
    given::execute(&db, "update practice.turns set claimed_until = now()").await;
    send(&alice, given::session_on(&alice, scene).await).await;
    assert_eq!((given::count(&db, OPEN).await, given::count(&db, STATE).await), (0, 0));
}

#[tokio::test]
async fn only_faults_of_the_provider_count_and_a_success_forgets_them() {
    let (provider, stack) = failing(400).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let scene = given::scene(&alice).await;
    for behaviour in
        [Behaviour::Status(400), Behaviour::Status(401), Behaviour::EmptyChoice, Behaviour::BrokenJson]
    {
        provider.always(behaviour);
        send(&alice, given::session_on(&alice, scene).await).await;
    }
    assert_eq!(
        given::count(&db, "select count(*) from platform.circuit_breakers").await,
        0,
        "no row, no write"
    );
    provider.always(Behaviour::Status(503));
    send(&alice, given::session_on(&alice, scene).await).await;
    assert_eq!(given::count(&db, STATE).await, 1);
    provider.always(Behaviour::Text("I hear you.".to_owned()));
    send(&alice, given::session_on(&alice, scene).await).await;
    assert_eq!(given::count(&db, STATE).await, 0);
    let free = "select count(*) from platform.model_calls where outcome = 'failed' and error like 'status 4%' and cost_micros = 0";
    assert_eq!(given::count(&db, free).await, 2, "what was refused costs nothing");
}

#[tokio::test]
async fn late_failures_do_not_keep_an_open_breaker_open() {
    let (provider, stack) = failing(500).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let sessions = sessions(&alice, 6).await;
    // All six are under way before any has failed.
    provider.always(Behaviour::Slow(Duration::from_millis(400), "I hear you.".to_owned()));
    let all = join_all(sessions.iter().map(|session| send(&alice, *session)));
    let (_, ()) = tokio::join!(all, async {
        let calls = "select count(*) from platform.model_calls where outcome is null";
        given::until(&db, calls, |count| count == 6).await;
        let host = "insert into platform.circuit_breakers (name, failures, opened_at, recovery_seconds)
                    select distinct provider, 5, now() - interval '10 seconds', 30 from platform.model_calls";
        given::execute(&db, host).await;
    });
    let untouched = "select count(*) from platform.circuit_breakers
                     where opened_at between now() - interval '1 minute' and now() - interval '9 seconds' and failures = 5";
    assert_eq!(given::count(&db, untouched).await, 1, "only the one that was let through says how it is");
}

#[tokio::test]
async fn two_calls_of_a_person_while_a_provider_may_be_back_do_not_wait_in_a_circle() {
    let provider = provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    for _ in 0..6 {
        let half_open = "delete from platform.circuit_breakers;
                         insert into platform.circuit_breakers (name, failures, opened_at, recovery_seconds)
                         select distinct provider, 5, now() - interval '1 minute', 30 from platform.model_calls";
        given::execute(&db, half_open).await;
        let sessions = sessions(&alice, 4).await;
        join_all(sessions.iter().map(|session| send(&alice, *session))).await;
    }
    let deadlocks =
        "select coalesce(sum(deadlocks), 0)::bigint from pg_stat_database where datname = current_database()";
    assert_eq!(given::count(&db, deadlocks).await, 0);
    let open = "select count(*) from platform.model_calls where outcome is null";
    assert_eq!(given::count(&db, open).await, 0);
}

#[tokio::test]
async fn an_admin_lets_a_provider_be_asked_again() {
    let (provider, stack) = failing(500).await;
    let (alice, admin, db) = (stack.user(), stack.user(), stack.db().await);
    given::execute(
        &db,
        &format!("insert into identity.users (id, roles) values ('{}', '{{student,admin}}')", admin.id()),
    )
    .await;
    let scene = given::scene(&alice).await;
    for _ in 0..5 {
        send(&alice, given::session_on(&alice, scene).await).await;
    }
    let name = given::text(&db, "select name from platform.circuit_breakers").await.unwrap();
    let path = |name: &str| format!("/api/v1/jobs/circuit-breakers/{}/reset", name.replace(':', "%3A"));
    alice.post(&path(&name), json!({})).await.assert_status(403);
    stack.anonymous().post(&path(&name), json!({})).await.assert_status(401);
    admin.post(&path("nobody"), json!({})).await.assert_error(404, "NOT_FOUND", "circuit breaker not found");
    assert_eq!(given::count(&db, OPEN).await, 1);
    let reset = admin.post(&path(&name), json!({})).await;
    reset.assert_status(200);
    assert_eq!(reset.json()["message"], format!("Circuit breaker '{name}' reset to CLOSED"));
    assert_eq!(given::count(&db, OPEN).await, 0);
    provider.always(Behaviour::Text("I hear you.".to_owned()));
    send(&alice, given::session_on(&alice, scene).await).await;
    assert_eq!(sources(&db).await.0, 1);
    assert_eq!(admin.post(&path("postgres"), json!({})).await.status(), 200);
}

#[tokio::test]
async fn a_person_may_have_the_model_asked_so_often_and_is_told() {
    let provider = provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, bob) = (stack.user(), stack.user());
    let scene = given::scene(&alice).await;
    let session = given::session_on(&alice, scene).await;
    let (path, message) =
        (format!("/api/v1/sessions/{session}/messages/stream"), given::message("Could we agree a date?"));
    let answer = alice.post(&path, message.clone()).await;
    assert_eq!(answer.header("ratelimit-policy"), Some(r#""practice.model";q=30;w=60"#));
    assert!(answer.header("ratelimit").unwrap().starts_with(r#""practice.model";r=29;t="#), "{answer}");
    let sessions = sessions(&alice, 29).await;
    for session in &sessions {
        send(&alice, *session).await;
    }
    let refused = alice.post(&path, given::message("Once more.")).await;
    refused.assert_status(429);
    assert_eq!(refused.json()["error_code"], "RATE_LIMITED");
    assert!(
        refused.header("retry-after").is_some() && refused.header("ratelimit").unwrap().contains(";r=0;")
    );
    assert_eq!(provider.count(), 30);
    // Who lost the connection reads on all the same.
    let run = given::text(&stack.db().await, "select id::text from platform.runs").await.unwrap();
    let read_on = format!("{path}?last_event_id={run}-1-1");
    alice.post(&read_on, message).await.assert_status(200);
    // With another message the run is no way around the limit.
    alice.post(&read_on, given::message("Once more.")).await.assert_status(429);
    send(&bob, given::session(&bob).await).await;
}

#[tokio::test]
async fn a_rewrite_is_kept_and_given_again() {
    let provider = Provider::start(Behaviour::Status(400)).await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = send(&alice, session).await["user_message_id"].clone();
    let body = json!({ "source_message_id": message, "rewrite_style": "NEUTRAL" });
    let rewrite = async || {
        let answer = alice.post(&format!("/api/v1/sessions/{session}/rewrite"), body.clone()).await;
        answer.assert_status(200);
        answer.json()
    };
    // The rules' words give way to the model's as soon as there is one.
    let by_rules = rewrite().await;
    provider.always(Behaviour::Text("I would like a date.".to_owned()));
    let by_model = rewrite().await;
    assert_eq!(by_model["rewritten_content"], "I would like a date.");
    assert_ne!(by_model["rewrite_id"], by_rules["rewrite_id"], "what was said stays as it was");
    provider.always(Behaviour::Text("Other words.".to_owned()));
    let count = provider.count();
    for again in join_all((0..4).map(|_| rewrite())).await {
        assert_eq!(again, by_model);
    }
    assert_eq!(provider.count(), count, "it is not asked again");
    assert_eq!(given::count(&db, "select count(*) from practice.rewrites").await, 2);
    // Words of the rules that the learner took are theirs.
    given::execute(&db, "delete from practice.rewrites where source = 'model'").await;
    given::execute(&db, "update practice.rewrites set accepted = true, kept_as = rewrite_style").await;
    assert_eq!(rewrite().await, by_rules);
}

#[tokio::test]
async fn of_two_rewrites_at_once_one_is_kept_and_both_get_it() {
    let provider =
        Provider::start(Behaviour::Slow(Duration::from_millis(200), "I would like a date.".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = send(&alice, session).await["user_message_id"].clone();
    let body = json!({ "source_message_id": message, "rewrite_style": "NEUTRAL" });
    let path = format!("/api/v1/sessions/{session}/rewrite");
    let answers = join_all((0..4).map(|_| alice.post(&path, body.clone()).into_future())).await;
    for answer in &answers {
        assert_eq!(answer.json(), answers[0].json());
    }
    assert_eq!(given::count(&db, "select count(*) from practice.rewrites").await, 1);
    let settled = "select count(*) from platform.model_calls where outcome is null";
    assert_eq!(given::count(&db, settled).await, 0);
}

#[tokio::test]
async fn nobody_spends_or_settles_for_another() {
    let provider = provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    send(&alice, given::session(&alice).await).await;
    given::session(&bob).await;
    given::execute(&db, "update platform.model_calls set outcome = null, cost_micros = null").await;
    let call = given::text(&db, "select id::text from platform.model_calls").await.unwrap();
    let spent = given::count(&db, "select spent_micros from platform.budgets").await;
    let owner = stack.owner().await;
    for person in [bob.id().to_string(), String::new()] {
        let begin = format!(
            "begin; set local role praxis_request; select set_config('praxis.user_id', '{person}', true)"
        );
        given::execute(&owner, &begin).await;
        let settle = format!(
            "select platform.settle_call('{call}', 'answered', null, 1, 1::smallint, 1, 1, 0, false)"
        );
        given::execute(&owner, &settle).await;
        let admit = format!(
            "select platform.admit_call('{}', gen_random_uuid(), 'a.b', 'p', 'm', 'r', 1, 1000000, 1)",
            alice.id()
        );
        let refused = owner.batch_execute(&admit).await.expect_err("another's budget");
        assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
        given::execute(&owner, "rollback").await;
        given::execute(&owner, &begin).await;
        let seen = if person.is_empty() { "model_calls" } else { "budgets" };
        assert_eq!(given::count(&owner, &format!("select count(*) from platform.{seen}")).await, 0);
        let write =
            "insert into platform.budgets (user_id, day, spent_micros) values (gen_random_uuid(), now(), 0)";
        assert!(owner.batch_execute(write).await.is_err(), "nobody writes their own budget");
        given::execute(&owner, "rollback").await;
    }
    let open = "select count(*) from platform.model_calls where outcome is null";
    assert_eq!(given::count(&db, open).await, 1);
    assert_eq!(given::count(&db, "select spent_micros from platform.budgets").await, spent);
}
