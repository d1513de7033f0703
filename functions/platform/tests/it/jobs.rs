//! Jobs as their people see them: `GET /api/v1/jobs`, `GET /api/v1/jobs/{job_id}`, `POST …/cancel`. How they are done is in
//! the tests of `shared`.

use local::testkit::{Client, Stack};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

/// A job of `user` in a state, whose parameters name a chapter and a story.
pub(crate) async fn job(db: &Database, user: &Client, kind: &str, state: &str) -> Uuid {
    let (id, user) = (Uuid::now_v7(), user.id());
    let is_over = !matches!(state, "queued" | "running");
    db.batch_execute(&format!(
        "insert into identity.users (id) values ('{user}') on conflict do nothing;
         insert into platform.jobs (id, user_id, kind, subject, parameters, state, attempts, claim, claimed_until, result,
                                    error_type, error_message, started_at, finished_at)
         values ('{id}', '{user}', '{kind}', gen_random_uuid(), '{{\"chapter_id\": \"c1\", \"story_id\": \"s1\"}}', '{state}',
                 case when '{state}' = 'queued' then 0 else 2 end,
                 case when '{state}' = 'running' then gen_random_uuid() end,
                 case when '{state}' = 'running' then now() + interval '1 minute' end,
                 case when '{state}' = 'succeeded' then '{{\"message\": \"Generated 4 line edits!\"}}'::jsonb end,
                 case when '{state}' = 'failed' then 'timeout' end, case when '{state}' = 'failed' then 'too slow' end,
                 case when '{state}' <> 'queued' then now() end, case when {is_over} then now() end)"
    ))
    .await
    .unwrap();
    id
}

/// Makes somebody an admin.
pub(crate) async fn admin(stack: &Stack) -> Client {
    let admin = stack.user();
    let sql =
        format!("insert into identity.users (id, roles) values ('{}', '{{student,admin}}')", admin.id());
    stack.db().await.batch_execute(&sql).await.unwrap();
    admin
}

#[tokio::test]
async fn a_job_says_how_it_stands() {
    let stack = local::testkit::stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let cases = [
        ("queued", "queued", json!("Task queued, waiting to start")),
        ("running", "progress", json!("Processing...")),
        ("succeeded", "success", json!("Generated 4 line edits!")),
        ("failed", "failure", json!("Task failed")),
        ("cancelled", "failure", json!(null)),
    ];
    for (state, status, message) in cases {
        let id = job(&db, &alice, "test.work", state).await;
        let answer = alice.get(&format!("/api/v1/jobs/{id}")).await;
        answer.assert_status(200);
        let job = answer.json();
        assert_eq!(
            (&job["job_id"], &job["state"], &job["status"]),
            (&json!(id), &json!(state), &json!(status))
        );
        assert_eq!(job["message"], message);
        let keys: Vec<&str> = job.as_object().unwrap().keys().map(String::as_str).collect();
        for key in "completed_at error error_type max_retries next_retry_at progress queued_at result retry_count started_at"
            .split(' ')
        {
            assert!(keys.contains(&key), "{key} is missing: {job}");
        }
        assert_eq!(job["max_retries"], 2);
        assert_eq!(job["completed_at"].is_string(), !matches!(state, "queued" | "running"));
        assert_eq!(job["error"], if state == "failed" { json!("too slow") } else { json!(null) });
    }
    // Tried again later, and how far it is.
    let id = job(&db, &alice, "test.other", "queued").await;
    db.batch_execute(&format!(
        "update platform.jobs set attempts = 1, run_after = now() + interval '1 hour', progress_current = 3, progress_total = 8,
                progress_at = 'The Ford' where id = '{id}'"
    ))
    .await
    .unwrap();
    let job = alice.get(&format!("/api/v1/jobs/{id}")).await.json();
    assert_eq!((&job["status"], job["next_retry_at"].is_string()), (&json!("retry"), true));
    let progress = json!({ "current": 3, "total": 8, "chapter": "The Ford", "percent": 37 });
    assert_eq!(job["progress"], progress);
}

#[tokio::test]
async fn everybody_sees_their_own_and_an_admin_all() {
    let stack = local::testkit::stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    let mut ids = Vec::new();
    for state in ["queued", "failed", "succeeded"] {
        ids.push(job(&db, &alice, "test.work", state).await);
    }
    let bobs = job(&db, &bob, "test.other", "queued").await;
    let listed = async |who: &Client, query: &str| -> Vec<Value> {
        let answer = who.get(&format!("/api/v1/jobs{query}")).await;
        answer.assert_status(200);
        answer.json()["items"].as_array().unwrap().iter().map(|job| job["job_id"].clone()).collect()
    };
    assert_eq!(listed(&alice, "").await, [json!(ids[2]), json!(ids[1]), json!(ids[0])], "the newest first");
    assert_eq!(listed(&bob, "").await, [json!(bobs)]);
    assert_eq!(listed(&admin, "").await.len(), 4);
    assert_eq!(listed(&alice, "?state=failed").await, [json!(ids[1])]);
    assert_eq!(listed(&admin, "?kind=test.other").await, [json!(bobs)]);
    let page = alice.get("/api/v1/jobs?limit=2").await.json();
    let next = page["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(listed(&alice, &format!("?limit=2&cursor={next}")).await, [json!(ids[0])]);

    let path = format!("/api/v1/jobs/{}", ids[0]);
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "job not found");
    admin.get(&path).await.assert_status(200);
    alice.get(&format!("/api/v1/jobs/{}", Uuid::now_v7())).await.assert_error(
        404,
        "NOT_FOUND",
        "job not found",
    );
    alice.get("/api/v1/jobs/x").await.assert_invalid(&["/job_id"]);
    alice.get("/api/v1/jobs?state=lost").await.assert_status(400);
    stack.anonymous().get(&path).await.assert_status(401);
    stack.anonymous().get("/api/v1/jobs").await.assert_status(401);
}

#[tokio::test]
async fn a_job_is_called_off_once_and_only_while_it_is_not_over() {
    let stack = local::testkit::stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let cancel = |id: Uuid| format!("/api/v1/jobs/{id}/cancel");
    let queued = job(&db, &alice, "test.work", "queued").await;
    bob.post(&cancel(queued), json!({})).await.assert_error(404, "NOT_FOUND", "job not found");
    stack.anonymous().post(&cancel(queued), json!({})).await.assert_status(401);
    let (one, other) = tokio::join!(
        alice.post(&cancel(queued), json!({})).into_future(),
        alice.post(&cancel(queued), json!({})).into_future()
    );
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(alice.get(&format!("/api/v1/jobs/{queued}")).await.json()["state"], "cancelled");

    // One that runs is asked to end, as often as one likes.
    let running = job(&db, &alice, "test.work", "running").await;
    for _ in 0..2 {
        let job = alice.post(&cancel(running), json!({})).await.json();
        assert_eq!((&job["state"], &job["is_cancel_requested"]), (&json!("running"), &json!(true)));
        assert_eq!((&job["status"], &job["message"]), (&json!("progress"), &json!(null)));
    }
    for (state, message) in [
        ("succeeded", "the job is done"),
        ("failed", "the job has failed"),
        ("cancelled", "the job was called off"),
    ] {
        let over = job(&db, &alice, "test.work", state).await;
        alice.post(&cancel(over), json!({})).await.assert_error(409, "CONFLICT", message);
    }
}
