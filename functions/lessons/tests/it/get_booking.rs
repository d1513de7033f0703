//! `GET /api/v1/booking/{booking_id}`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn both_sides_and_an_admin_read_it_with_its_lesson() {
    let practice = given::practice().await;
    let package = practice.package(2).await;
    let booking = practice.booked(100, &package).await;
    let path = format!("/api/v1/booking/{booking}");
    for caller in [&practice.student, &practice.teacher, &practice.admin] {
        let read = caller.get(&path).await;
        read.assert_status(200);
        assert_eq!((read.str("id"), read.str("lesson_status")), (booking.clone(), "scheduled".to_owned()));
        assert_eq!(read.json()["cancel_now"], json!({ "lesson_returned": true }));
    }
    for nobody in [practice.another_student().await, practice.another_teacher().await] {
        nobody.get(&path).await.assert_error(404, "NOT_FOUND", "Booking not found");
    }
    practice.stack.anonymous().get(&path).await.assert_status(401);
    practice.student.get("/api/v1/booking/x").await.assert_invalid(&["/booking_id"]);
}
