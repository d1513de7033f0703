//! `POST /api/v1/lessons/{lesson_id}/complete`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn it_uses_the_lesson_once_however_often_and_by_how_many_at_once() {
    let practice = given::practice().await;
    let package = practice.package(2).await;
    let (_, lesson) = practice.begun(2, &package).await;
    let path = format!("/api/v1/lessons/{lesson}/complete");
    let calls = (0..4).map(|_| async { practice.teacher.post(&path, json!({})).await }).collect();
    assert_eq!(given::at_once(calls).await, [200; 4]);
    assert_eq!(practice.balance(&package).await, (2, 1, 0));
    assert_eq!(practice.lines(&package).await, ["grant", "hold", "book", "use"]);
    let events = practice.events().await;
    assert_eq!(events.iter().filter(|kind| *kind == "lesson.completed").count(), 1);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn not_before_its_start_and_not_by_others() {
    let practice = given::practice().await;
    let package = practice.package(2).await;
    practice.booked(100, &package).await;
    let lesson = given::ids(&practice.teacher, "/api/v1/lessons/my").await.remove(0);
    let path = format!("/api/v1/lessons/{lesson}/complete");
    for early in [&practice.teacher, &practice.admin] {
        early.post(&path, json!({})).await.assert_error(409, "CONFLICT", "The lesson has not begun");
    }
    for nobody in [&practice.student, &practice.another_teacher().await] {
        nobody.post(&path, json!({})).await.assert_error(404, "NOT_FOUND", "Lesson not found");
    }
    practice.stack.anonymous().post(&path, json!({})).await.assert_status(401);
}
