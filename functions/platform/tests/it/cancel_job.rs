//! `POST /api/v1/jobs/{job_id}/cancel`. What a worker does then is in the tests of `shared`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::given::job;

#[tokio::test]
async fn a_job_is_called_off_once_and_only_while_it_is_not_over() {
    let stack = stack().await;
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
