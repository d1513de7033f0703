//! `PATCH /api/v1/notifications/{notification_id}/status`.

use serde_json::json;

use crate::{create_notification::PATH, given};

#[tokio::test]
async fn its_receiver_and_an_admin_note_whether_it_went_out() {
    let practice = given::practice().await;
    let new = json!({ "user_id": practice.student.id(), "title": "Hello", "body": "b" });
    let told = practice.admin.post(PATH, new).await.str("id");
    let path = format!("{PATH}/{told}/status");
    let sent = practice.student.patch(&path, json!({ "status": "sent" })).await;
    sent.assert_status(200);
    assert!(sent.json()["sent_at"].is_string());
    let failed = practice.admin.patch(&path, json!({ "status": "failed" })).await.json();
    assert_eq!((&failed["status"], &failed["sent_at"]), (&json!("failed"), &json!(null)));
    for nobody in [&practice.teacher, &practice.another_student().await] {
        let refused = nobody.patch(&path, json!({ "status": "sent" })).await;
        refused.assert_error(404, "NOT_FOUND", "Notification not found");
    }
    practice.stack.anonymous().patch(&path, json!({ "status": "sent" })).await.assert_status(401);
    practice.student.patch(&path, json!({ "status": "read" })).await.assert_invalid(&["/status"]);
}
