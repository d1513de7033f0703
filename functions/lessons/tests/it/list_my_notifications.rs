//! `GET /api/v1/notifications/my`.

use serde_json::json;

use crate::{create_notification::PATH, given};

#[tokio::test]
async fn each_sees_their_own_the_newest_first_an_admin_too() {
    let practice = given::practice().await;
    let mut told = Vec::new();
    for title in ["first", "second"] {
        let new = json!({ "user_id": practice.student.id(), "title": title, "body": "b" });
        told.insert(0, practice.admin.post(PATH, new).await.str("id"));
    }
    let mine = format!("{PATH}/my");
    assert_eq!(given::ids(&practice.student, &mine).await, told);
    for other in [&practice.admin, &practice.teacher] {
        assert_eq!(given::ids(other, &mine).await, [""; 0]);
    }
    assert_eq!(
        practice.student.get(&format!("{mine}?limit=1&offset=1")).await.json()["items"][0]["id"],
        told[1]
    );
    practice.stack.anonymous().get(&mine).await.assert_status(401);
}
