//! The job `remind-lessons`.

use serde_json::json;

use crate::given::{self, Practice, cancel, reschedule};

/// How many reminders the student has had.
async fn reminders(practice: &Practice) -> usize {
    practice.stack.invoke("tell-people", json!({})).await;
    practice.stack.deliver_mail().await;
    let to = format!("{}@example.org", practice.student.id());
    let mails = practice.stack.mails().await;
    mails.iter().filter(|mail| mail.to == to && mail.text.contains("A reminder")).count()
}

/// Lets a lesson that was booked long ago begin in so many minutes.
async fn near(practice: &Practice, booking: &str, minutes: i64) {
    given::begins_in(&practice.db, booking, minutes).await;
    let sql = format!(
        "update lessons.bookings set confirmed_at = now() - interval '9 days' where id = '{booking}'"
    );
    given::run(&practice.db, &sql).await;
}

#[tokio::test]
async fn one_for_each_lesson_also_by_two_runs_at_once_and_by_a_late_one() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let (soon, late) = (practice.booked(100, &package).await, practice.booked(120, &package).await);
    let run = || practice.stack.invoke("remind-lessons", json!({}));
    assert_eq!(run().await, json!({ "lessons": 0 }), "nothing is near");
    near(&practice, &soon, 23 * 60).await;
    let (one, two) = tokio::join!(run(), run());
    assert_eq!(one["lessons"].as_u64().unwrap() + two["lessons"].as_u64().unwrap(), 1);
    assert_eq!(reminders(&practice).await, 1);
    // The job was down until two hours before the lesson.
    near(&practice, &late, 120).await;
    assert_eq!(run().await, json!({ "lessons": 1 }));
    assert_eq!(reminders(&practice).await, 2);
    assert_eq!(run().await, json!({ "lessons": 0 }));
}

#[tokio::test]
async fn none_for_a_lesson_that_is_no_more_or_was_booked_just_now() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let run = || practice.stack.invoke("remind-lessons", json!({}));
    let canceled = practice.booked(100, &package).await;
    near(&practice, &canceled, 23 * 60).await;
    run().await;
    // It was called off after the job had seen it, and before anybody was told.
    cancel(&practice.teacher, &canceled).await.assert_status(200);
    assert_eq!(reminders(&practice).await, 0);

    let moved = practice.booked(110, &package).await;
    near(&practice, &moved, 25 * 60).await;
    let moved = reschedule(&practice.student, &moved, &practice.slot(200).await).await;
    moved.assert_status(200);
    run().await;
    assert_eq!(reminders(&practice).await, 0);
    near(&practice, &moved.str("id"), 23 * 60).await;
    run().await;
    assert_eq!(reminders(&practice).await, 1, "a day before its new time");

    let booked_late = practice.booked(3, &package).await;
    run().await;
    assert_eq!(reminders(&practice).await, 1, "the confirmation is enough");
    assert_eq!(
        practice.student.get(&format!("/api/v1/booking/{booked_late}")).await.str("status"),
        "confirmed"
    );
}
