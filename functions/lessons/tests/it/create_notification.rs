//! `POST /api/v1/notifications`.

use serde_json::json;

use crate::given;

pub(crate) const PATH: &str = "/api/v1/notifications";

#[tokio::test]
async fn an_admin_tells_anybody_and_a_teacher_their_students() {
    let practice = given::practice().await;
    let to = |user: &local::testkit::Client| json!({ "user_id": user.id(), "title": "Room change", "body": "Room 2" });
    let told = practice.admin.post(PATH, to(&practice.student)).await;
    told.assert_status(201);
    let told = told.json();
    assert_eq!(
        (&told["channel"], &told["status"], &told["sent_at"]),
        (&json!("email"), &json!("pending"), &json!(null))
    );
    let refused = practice.teacher.post(PATH, to(&practice.student)).await;
    refused.assert_error(404, "NOT_FOUND", "user not found");
    let package = practice.package(1).await;
    practice.booked(100, &package).await;
    practice.teacher.post(PATH, to(&practice.student)).await.assert_status(201);
    let stranger = practice.another_student().await;
    practice.teacher.post(PATH, to(&stranger)).await.assert_status(404);
    stranger.post(PATH, to(&practice.student)).await.assert_status(404);
    practice.stack.anonymous().post(PATH, to(&stranger)).await.assert_status(401);
    let bad = json!({ "user_id": "x", "title": "", "body": "" });
    practice.admin.post(PATH, bad).await.assert_invalid(&["/body", "/title", "/user_id"]);
}

#[tokio::test]
async fn a_student_tells_nobody_not_even_their_teacher() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    practice.booked(100, &package).await;
    let to = json!({ "user_id": practice.teacher.id(), "title": "Hello", "body": "Look here" });
    practice.student.post(PATH, to).await.assert_error(404, "NOT_FOUND", "user not found");
}
