//! `DELETE /api/v1/scheduling/slots/{slot_id}`.

use crate::given::{self, OPEN, SLOTS};

#[tokio::test]
async fn a_time_that_nobody_has_is_taken_off_for_good() {
    let practice = given::practice().await;
    let (slot, other) = (practice.slot(30).await, practice.slot(40).await);
    let path = format!("{SLOTS}/{slot}");
    practice.another_teacher().await.delete(&path).await.assert_error(404, "NOT_FOUND", "Slot not found");
    practice.student.delete(&path).await.assert_error(404, "NOT_FOUND", "Slot not found");
    practice.stack.anonymous().delete(&path).await.assert_status(401);
    practice.teacher.delete(&path).await.assert_status(204);
    practice.teacher.delete(&path).await.assert_error(404, "NOT_FOUND", "Slot not found");
    assert_eq!(given::ids(&practice.student, OPEN).await, std::slice::from_ref(&other));
    practice.admin.delete(&format!("{SLOTS}/{other}")).await.assert_status(204);
    // Its time is free for another.
    practice.slot(30).await;
}

#[tokio::test]
async fn a_booked_time_stays_until_the_lesson_is_called_off() {
    let practice = given::practice().await;
    let slot = practice.slot(30).await;
    let path = format!("{SLOTS}/{slot}");
    let package = practice.package(1).await;
    let booking = practice.hold(&slot, &package).await.str("id");
    for confirmed in [false, true] {
        if confirmed {
            given::confirm(&practice.student, &booking).await.assert_status(200);
        }
        for person in [&practice.teacher, &practice.admin] {
            person.delete(&path).await.assert_error(
                409,
                "CONFLICT",
                "Somebody has a lesson or a hold in the slot",
            );
        }
    }
    given::cancel(&practice.teacher, &booking).await.assert_status(200);
    practice.teacher.delete(&path).await.assert_status(204);
    let read = practice.student.get(&format!("/api/v1/booking/{booking}")).await;
    assert_eq!(read.str("slot_id"), slot, "what was booked there goes on naming it");
}
