//! `POST /api/v1/booking/{booking_id}/reschedule`.

use serde_json::json;

use crate::given::{self, OPEN, cancel, hold, in_minutes, reschedule};

#[tokio::test]
async fn a_lesson_moves_with_its_notes_and_the_balance_stays() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let old = practice.booked(48, &package).await;
    given::run(&practice.db, &format!("update lessons.bookings set topic = 'Bends' where id = '{old}'"))
        .await;
    let to = practice.slot(72).await;
    let moved = reschedule(&practice.student, &old, &to).await;
    moved.assert_status(200);
    let new = moved.json();
    assert_eq!((&new["status"], &new["rescheduled_from_booking_id"]), (&json!("confirmed"), &json!(old)));
    assert_eq!(new["slot_id"], to);
    let before = practice.student.get(&format!("/api/v1/booking/{old}")).await.json();
    assert_eq!((&before["status"], &before["refund_returned"]), (&json!("canceled"), &json!(true)));
    assert_eq!(before["cancellation_reason"], "Rescheduled by user");
    assert_eq!(practice.balance(&package).await, (5, 4, 0));
    let open = given::ids(&practice.stack.anonymous(), OPEN).await;
    assert_eq!(
        (open.len(), open.contains(&to)),
        (1, false),
        "the old time is open again, the new one is not"
    );
    let lessons = practice.student.get("/api/v1/lessons/my?status=scheduled").await.json();
    assert_eq!((&lessons["total"], &lessons["items"][0]["topic"]), (&json!(1), &json!("Bends")));

    let again = reschedule(&practice.student, &old, &to).await;
    assert_eq!((again.status(), again.json()), (200, new), "a repetition gives the same booking");
    let events = practice.events().await;
    assert_eq!(events[4..], ["booking.rescheduled"], "one thing is told of a move");
    let (same_uid, sequence): (bool, i32) = {
        let row = practice
            .db
            .query_one(
                "select count(distinct calendar_uid) = 1, max(calendar_sequence) from lessons.bookings",
                &[],
            )
            .await
            .unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!((same_uid, sequence), (true, 1), "one calendar entry, changed once");
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_lesson_moves_over_its_own_old_time_and_a_taken_time_changes_nothing() {
    let practice = given::practice().await;
    let slot = practice.slot_of(&practice.teacher, in_minutes(3000), in_minutes(3240)).await;
    let package = practice.package(1).await;
    let part = |name: &str, start, end| json!({ name: slot, "package_id": package, "start_at": in_minutes(start), "end_at": in_minutes(end) });
    let old = practice.student.post(given::HOLD, part("slot_id", 3090, 3150)).await.str("id");
    given::confirm(&practice.student, &old).await.assert_status(200);
    let moved = practice
        .student
        .post(&format!("/api/v1/booking/{old}/reschedule"), part("new_slot_id", 3105, 3165))
        .await;
    moved.assert_status(200);
    assert_eq!(practice.balance(&package).await, (1, 0, 0));
    let now = moved.str("id");

    let other = practice.another_student().await;
    let (taken, theirs) = (practice.slot(90).await, practice.package_of(&other, 1).await);
    hold(&other, &taken, &theirs).await.assert_status(200);
    let refused = reschedule(&practice.student, &now, &taken).await;
    refused.assert_error(409, "CONFLICT", "Slot is not available");
    let after = practice.student.get(&format!("/api/v1/booking/{now}")).await.json();
    assert_eq!((&after["status"], &after["start_at"]), (&json!("confirmed"), &json!(in_minutes(3105))));
    assert_eq!(practice.balance(&package).await, (1, 0, 0));
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_late_move_by_the_student_costs_a_lesson_and_one_by_staff_none() {
    let practice = given::practice().await;
    let package = practice.package(2).await;
    let late = practice.booked(100, &package).await;
    given::begins_in(&practice.db, &late, 60).await;
    let moved = reschedule(&practice.student, &late, &practice.slot(200).await).await;
    moved.assert_status(200);
    assert_eq!(practice.balance(&package).await, (2, 0, 0));
    let late = moved.str("id");
    given::begins_in(&practice.db, &late, 60).await;
    let to = practice.slot(220).await;
    let refused = reschedule(&practice.student, &late, &to).await;
    refused.assert_error(422, "UNPROCESSABLE", "No lessons left in package");
    let still = practice.student.get(&format!("/api/v1/booking/{late}")).await;
    assert_eq!(still.str("status"), "confirmed");
    let moved = reschedule(&practice.teacher, &late, &to).await;
    moved.assert_status(200);
    assert_eq!(moved.str("student_id"), practice.student.id().to_string());
    assert_eq!(practice.balance(&package).await, (2, 0, 0));
    reschedule(&practice.admin, &moved.str("id"), &practice.slot(240).await).await.assert_status(200);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_student_moves_a_lesson_five_times() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    let mut booking = practice.booked(100, &package).await;
    for number in 0..5 {
        let moved = reschedule(&practice.student, &booking, &practice.slot(110 + 10 * number).await).await;
        moved.assert_status(200);
        booking = moved.str("id");
    }
    let to = practice.slot(200).await;
    let refused = reschedule(&practice.student, &booking, &to).await;
    refused.assert_error(
        409,
        "CONFLICT",
        "The lesson has been moved 5 times, which is as often as it may be",
    );
    reschedule(&practice.teacher, &booking, &to).await.assert_status(200);
}

#[tokio::test]
async fn what_is_over_or_anothers_is_not_moved() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let (booking, to) = (practice.booked(100, &package).await, practice.slot(120).await);
    for nobody in [practice.another_student().await, practice.another_teacher().await] {
        reschedule(&nobody, &booking, &to).await.assert_error(404, "NOT_FOUND", "Booking not found");
    }
    reschedule(&practice.stack.anonymous(), &booking, &to).await.assert_status(401);
    let unknown = uuid::Uuid::new_v4().to_string();
    reschedule(&practice.student, &booking, &unknown).await.assert_error(404, "NOT_FOUND", "Slot not found");
    cancel(&practice.student, &booking).await.assert_status(200);
    let refused = reschedule(&practice.student, &booking, &to).await;
    refused.assert_error(409, "CONFLICT", "Booking cannot be rescheduled in current status");
    let (begun, _) = practice.begun(1, &package).await;
    reschedule(&practice.teacher, &begun, &to).await.assert_error(409, "CONFLICT", "The lesson has begun");
}

#[tokio::test]
async fn two_moves_at_once_make_one() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let booking = practice.booked(100, &package).await;
    let (one, two) = (practice.slot(120).await, practice.slot(140).await);
    let calls = [&one, &two, &one, &two].map(|to| reschedule(&practice.student, &booking, to));
    assert_eq!(given::at_once(calls.into_iter().collect()).await, [200; 4]);
    let live: i64 =
        given::value(&practice.db, "select count(*) from lessons.bookings where state = 'confirmed'").await;
    assert_eq!((live, practice.balance(&package).await), (1, (5, 4, 0)));
    practice.assert_ledgers().await;
}
