//! `GET /api/v1/jobs/dlq/{dlq_id}`.

use local::testkit::stack;
use serde_json::json;

use crate::given::{admin, dead};

#[tokio::test]
async fn everything_that_is_known_is_shown_and_no_trace() {
    let stack = stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    let (first, failed) = dead(&db, &alice, "test.work").await;
    let path = format!("/api/v1/jobs/dlq/{first}");
    let detail = alice.get(&path).await.json();
    let expected = json!({
        "id": first, "flow_run_id": failed, "flow_name": "test.work", "task_name": null, "chapter_id": "c1", "story_id": "s1",
        "user_id": alice.id(), "input_payload": { "chapter_id": "c1", "story_id": "s1" }, "error_type": "timeout",
        "error_message": "too slow", "stack_trace": null, "original_retry_count": 1, "failed_at": detail["failed_at"],
        "status": "pending", "resolved_at": null, "resolved_by": null, "resolution_notes": null, "retried_as": null,
    });
    assert_eq!(detail, expected);
    admin.get(&path).await.assert_status(200);
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "dead job not found");
    stack.anonymous().get(&path).await.assert_status(401);
    alice.get("/api/v1/jobs/dlq/x").await.assert_invalid(&["/dlq_id"]);
}
