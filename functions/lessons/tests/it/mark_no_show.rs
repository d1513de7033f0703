//! `POST /api/v1/lessons/{lesson_id}/no-show`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn who_does_not_come_has_used_the_lesson() {
    let practice = given::practice().await;
    let package = practice.package(2).await;
    let (_, lesson) = practice.begun(2, &package).await;
    let path = format!("/api/v1/lessons/{lesson}/no-show");
    for nobody in [&practice.student, &practice.another_teacher().await] {
        nobody.post(&path, json!({})).await.assert_error(404, "NOT_FOUND", "Lesson not found");
    }
    practice.stack.anonymous().post(&path, json!({})).await.assert_status(401);
    let marked = practice.teacher.post(&path, json!({})).await;
    assert_eq!((marked.status(), marked.str("status")), (200, "no_show".to_owned()));
    assert_eq!(practice.teacher.post(&path, json!({})).await.json(), marked.json(), "it stays as it is");
    assert_eq!(practice.balance(&package).await, (2, 1, 0));
    practice.booked(100, &package).await;
    let ahead = given::ids(&practice.teacher, "/api/v1/lessons/my?status=scheduled").await.remove(0);
    let early = practice.teacher.post(&format!("/api/v1/lessons/{ahead}/no-show"), json!({})).await;
    early.assert_error(409, "CONFLICT", "The lesson has not begun");
}
