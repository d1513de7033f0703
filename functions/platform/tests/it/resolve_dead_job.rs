//! `POST /api/v1/jobs/dlq/{dlq_id}/resolve`.

use local::testkit::stack;
use serde_json::json;

use crate::given::dead;

#[tokio::test]
async fn somebody_notes_that_they_have_seen_to_it() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let (id, _) = dead(&db, &alice, "test.work").await;
    let path = format!("/api/v1/jobs/dlq/{id}/resolve");
    alice.post(&path, json!({ "status": "retried" })).await.assert_invalid(&["/status"]);
    alice.post(&path, json!({})).await.assert_invalid(&["/status"]);
    bob.post(&path, json!({ "status": "ignored" })).await.assert_error(
        404,
        "NOT_FOUND",
        "dead job not found",
    );
    stack.anonymous().post(&path, json!({ "status": "ignored" })).await.assert_status(401);
    let ignored = alice.post(&path, json!({ "status": "ignored" })).await;
    ignored.assert_status(200);
    assert_eq!(
        (&ignored.json()["status"], &ignored.json()["resolution_notes"]),
        (&json!("ignored"), &json!(null))
    );
    let resolved = alice.post(&path, json!({ "status": "resolved", "notes": "shortened" })).await.json();
    assert_eq!(
        (&resolved["status"], &resolved["resolution_notes"], &resolved["resolved_by"]),
        (&json!("resolved"), &json!("shortened"), &json!(alice.id()))
    );
    let retry = format!("/api/v1/jobs/dlq/{id}/retry");
    alice.post(&retry, json!({})).await.assert_error(409, "CONFLICT", "dead job already resolved");
    let (other, _) = dead(&db, &alice, "test.work").await;
    alice.post(&format!("/api/v1/jobs/dlq/{other}/retry"), json!({})).await.assert_status(200);
    let path = format!("/api/v1/jobs/dlq/{other}/resolve");
    alice.post(&path, json!({ "status": "ignored" })).await.assert_error(
        409,
        "CONFLICT",
        "dead job already retried",
    );
}
