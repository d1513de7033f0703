//! `PATCH /api/v1/lessons/{lesson_id}`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn its_teacher_notes_and_marks_it_from_its_start_on() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    practice.booked(100, &package).await;
    let ahead = given::ids(&practice.teacher, "/api/v1/lessons/my").await.remove(0);
    let path = format!("/api/v1/lessons/{ahead}");
    let noted = practice.teacher.patch(&path, json!({ "topic": "Bends", "notes": "Listen first." })).await;
    noted.assert_status(200);
    assert_eq!((noted.str("topic"), noted.str("notes")), ("Bends".to_owned(), "Listen first.".to_owned()));
    let cleared = practice.teacher.patch(&path, json!({ "notes": null })).await.json();
    assert_eq!((&cleared["topic"], &cleared["notes"]), (&json!("Bends"), &json!(null)));
    let early = practice.teacher.patch(&path, json!({ "status": "completed" })).await;
    early.assert_error(409, "CONFLICT", "The lesson has not begun");
    let refused = practice.teacher.patch(&path, json!({ "status": "canceled" })).await;
    refused.assert_error(409, "CONFLICT", "A lesson is canceled with its booking");
    assert_eq!(practice.teacher.patch(&path, json!({ "status": "scheduled" })).await.status(), 200);

    let (_, lesson) = practice.begun(2, &package).await;
    let path = format!("/api/v1/lessons/{lesson}");
    let marked =
        practice.teacher.patch(&path, json!({ "status": "completed", "notes": "Good timing" })).await;
    assert_eq!((marked.status(), marked.str("status")), (200, "completed".to_owned()));
    assert_eq!(
        practice.balance(&package).await,
        (5, 3, 0),
        "a lesson that took place is used, not used again"
    );
    let other = practice.teacher.patch(&path, json!({ "status": "no_show" })).await;
    other.assert_error(409, "CONFLICT", "The lesson cannot become that any more");
    let mended = practice.admin.patch(&path, json!({ "status": "no_show" })).await;
    assert_eq!((mended.status(), mended.str("status")), (200, "no_show".to_owned()));
    practice.admin.patch(&path, json!({ "status": "scheduled" })).await.assert_status(409);
    assert_eq!(practice.lines(&package).await.iter().filter(|kind| *kind == "use").count(), 1);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn students_and_other_teachers_change_nothing() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    let (_, lesson) = practice.begun(2, &package).await;
    let path = format!("/api/v1/lessons/{lesson}");
    for nobody in [&practice.student, &practice.another_teacher().await] {
        let refused = nobody.patch(&path, json!({ "notes": "mine" })).await;
        refused.assert_error(404, "NOT_FOUND", "Lesson not found");
    }
    practice.stack.anonymous().patch(&path, json!({})).await.assert_status(401);
    let bad = json!({ "status": "over", "topic": "t".repeat(256) });
    practice.teacher.patch(&path, bad).await.assert_invalid(&["/status", "/topic"]);
}
