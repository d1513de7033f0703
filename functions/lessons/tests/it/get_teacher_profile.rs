//! `GET /api/v1/teachers/profiles/{profile_id}`.

use serde_json::json;

use crate::{create_teacher_profile::PATH, given};

#[tokio::test]
async fn an_approved_one_is_everybodys_to_read_and_no_other() {
    let practice = given::practice().await;
    let new = json!({ "user_id": practice.teacher.id(), "display_name": "R. Vale" });
    let card = practice.teacher.post(PATH, new).await.str("id");
    let (path, nobody) = (format!("{PATH}/{card}"), practice.stack.anonymous());
    nobody.get(&path).await.assert_error(404, "NOT_FOUND", "Teacher profile not found");
    practice.admin.patch(&path, json!({ "is_approved": true })).await.assert_status(200);
    let read = nobody.get(&path).await;
    read.assert_status(200);
    assert_eq!((read.str("id"), read.str("display_name")), (card, "R. Vale".to_owned()));
    nobody.get(&format!("{PATH}/{}", uuid::Uuid::new_v4())).await.assert_status(404);
    nobody.get(&format!("{PATH}/x")).await.assert_invalid(&["/profile_id"]);
}
