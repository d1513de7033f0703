//! `GET /api/v1/booking/{booking_id}/calendar.ics`.

use crate::given;

#[tokio::test]
async fn both_sides_get_a_file_that_names_the_other() {
    let practice = given::practice().await;
    let package = practice.package(2).await;
    let booking = practice.booked(100, &package).await;
    let path = format!("/api/v1/booking/{booking}/calendar.ics");
    for (caller, other) in [(&practice.student, &practice.teacher), (&practice.teacher, &practice.student)] {
        let file = caller.get(&path).await;
        file.assert_status(200);
        assert_eq!(file.header("content-type"), Some("text/calendar; charset=utf-8"));
        let text = file.text().replace("\r\n ", "");
        assert!(text.contains(&format!("SUMMARY:Lesson: Person {}\r\n", other.id())), "{text}");
        assert!(text.contains("METHOD:PUBLISH\r\n") && text.contains("STATUS:CONFIRMED\r\n"), "{text}");
    }
    given::cancel(&practice.student, &booking).await.assert_status(200);
    let text = practice.student.get(&path).await.text();
    assert!(
        text.contains("METHOD:CANCEL\r\n")
            && text.contains("STATUS:CANCELLED\r\n")
            && text.contains("SEQUENCE:1\r\n"),
        "{text}"
    );
    let held = practice.hold(&practice.slot(120).await, &package).await.str("id");
    let refused = practice.student.get(&format!("/api/v1/booking/{held}/calendar.ics")).await;
    refused.assert_error(404, "NOT_FOUND", "Booking not found");
    for nobody in [practice.another_student().await, practice.another_teacher().await] {
        nobody.get(&path).await.assert_error(404, "NOT_FOUND", "Booking not found");
    }
    practice.stack.anonymous().get(&path).await.assert_status(401);
}
