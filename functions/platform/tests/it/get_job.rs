//! `GET /api/v1/jobs/{job_id}`. How jobs are done is in the tests of `shared`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::given::{admin, job};

#[tokio::test]
async fn a_job_says_how_it_stands() {
    let stack = stack().await;
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
async fn another_s_job_is_none() {
    let stack = stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    let path = format!("/api/v1/jobs/{}", job(&db, &alice, "test.work", "queued").await);
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "job not found");
    admin.get(&path).await.assert_status(200);
    let unknown = format!("/api/v1/jobs/{}", Uuid::now_v7());
    alice.get(&unknown).await.assert_error(404, "NOT_FOUND", "job not found");
    alice.get("/api/v1/jobs/x").await.assert_invalid(&["/job_id"]);
    stack.anonymous().get(&path).await.assert_status(401);
}
