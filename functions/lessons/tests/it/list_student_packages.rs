//! `GET /api/v1/billing/packages/students/{student_id}`.

use serde_json::json;
use uuid::Uuid;

use crate::given::{self, PACKAGES};

#[tokio::test]
async fn a_student_sees_their_own_and_an_admin_anybodys() {
    let practice = given::practice().await;
    let (first, second) = (practice.package(1).await, practice.package(2).await);
    let path = format!("{PACKAGES}/students/{}", practice.student.id());
    for caller in [&practice.student, &practice.admin] {
        assert_eq!(given::ids(caller, &path).await, [second.clone(), first.clone()]);
    }
    for nobody in [&practice.teacher, &practice.another_student().await] {
        nobody.get(&path).await.assert_error(404, "NOT_FOUND", "user not found");
    }
    practice.stack.anonymous().get(&path).await.assert_status(401);
    assert_eq!(
        given::ids(&practice.admin, &format!("{PACKAGES}/students/{}", Uuid::new_v4())).await,
        [""; 0]
    );

    let sql = format!("update lessons.packages set expires_at = now() where id = '{first}'");
    given::run(&practice.db, &sql).await;
    let page = practice.student.get(&path).await.json();
    assert_eq!(page["items"][1]["status"], json!("expired"), "it reads so before any sweep");
}
