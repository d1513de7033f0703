//! `GET /api/v1/booking/teacher/students`.

use serde_json::json;

use crate::given;

const PATH: &str = "/api/v1/booking/teacher/students";

#[tokio::test]
async fn a_teacher_sees_the_names_of_those_whom_they_teach_and_of_nobody_else() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    practice.booked(110, &package).await;
    practice.booked(100, &package).await;
    let (_, lesson) = practice.begun(30, &package).await;
    practice.teacher.post(&format!("/api/v1/lessons/{lesson}/complete"), json!({})).await.assert_status(200);
    let (other, teacher) = (practice.another_student().await, practice.another_teacher().await);
    let theirs = practice.package_of(&other, 1).await;
    let slot = practice.slot_of(&teacher, given::in_hours(100), given::in_hours(101)).await;
    given::hold(&other, &slot, &theirs).await.assert_status(200);

    let page = practice.teacher.get(PATH).await;
    page.assert_status(200);
    let page = page.json();
    assert_eq!(
        page["items"],
        json!([{ "student_id": practice.student.id(), "display_name": format!("Person {}", practice.student.id()),
                 "lessons_ahead": 2, "lessons_completed": 1, "next_lesson_at": given::in_hours(100) }])
    );
    assert_eq!(page["total"], 1);
    assert_eq!(teacher.get(PATH).await.json()["total"], 0, "a hold is no lesson");
    practice.student.get(PATH).await.assert_error(403, "FORBIDDEN", "this needs the role teacher");
    practice.stack.anonymous().get(PATH).await.assert_status(401);
}
