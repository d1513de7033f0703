//! `POST /api/v1/booking/{booking_id}/cancel`.

use serde_json::json;

use crate::given::{self, cancel};

async fn preview(caller: &local::testkit::Client, booking: &str) -> serde_json::Value {
    caller.get(&format!("/api/v1/booking/{booking}")).await.json()["cancel_now"].clone()
}

#[tokio::test]
async fn a_student_gets_the_lesson_back_until_a_day_before_and_the_preview_says_so() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    // The moment itself is too late.
    for (minutes, is_returned) in [(24 * 60 + 1, true), (24 * 60, false), (30, false)] {
        let left = practice.balance(&package).await.1;
        let booking = practice.booked(100 + minutes, &package).await;
        given::begins_in(&practice.db, &booking, minutes).await;
        assert_eq!(preview(&practice.student, &booking).await, json!({ "lesson_returned": is_returned }));
        let path = format!("/api/v1/booking/{booking}/cancel");
        let canceled = practice.student.post(&path, json!({ "reason": "ill" })).await;
        canceled.assert_status(200);
        let canceled = canceled.json();
        assert_eq!((&canceled["status"], &canceled["canceled_as"]), (&json!("canceled"), &json!("student")));
        assert_eq!(
            (&canceled["cancellation_reason"], &canceled["refund_returned"]),
            (&json!("ill"), &json!(is_returned))
        );
        assert_eq!(practice.balance(&package).await.1, if is_returned { left } else { left - 1 });
        assert_eq!(
            preview(&practice.student, &booking).await,
            json!(null),
            "there is nothing to call off any more"
        );
        let again = practice.student.post(&path, json!({ "reason": "another" })).await;
        assert_eq!(again.json(), canceled, "the first one's reason and effect stay");
    }
    let lines = practice.lines(&package).await;
    assert_eq!(lines[1..], ["hold", "book", "return", "hold", "book", "use", "hold", "book", "use"]);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn staff_always_give_back_a_lesson_that_can_still_be_used() {
    let practice = given::practice().await;
    for (hours, caller) in [(100, &practice.teacher), (110, &practice.admin)] {
        let package = practice.package(1).await;
        let booking = practice.booked(hours, &package).await;
        given::begins_in(&practice.db, &booking, 30).await;
        let ends = format!(
            "update lessons.packages set state = 'expired', expires_at = now() - interval '1 day' where id = '{package}'"
        );
        given::run(&practice.db, &ends).await;
        assert_eq!(preview(caller, &booking).await, json!({ "lesson_returned": true }));
        let canceled = cancel(caller, &booking).await;
        canceled.assert_status(200);
        assert_eq!(canceled.json()["refund_returned"], true);
        assert_eq!(practice.balance(&package).await, (1, 1, 0));
        let days: f64 = given::value(
            &practice.db,
            &format!("select (extract(epoch from expires_at - now()) / 86400)::float8 from lessons.packages where id = '{package}'"),
        )
        .await;
        assert!((13.9..=14.0).contains(&days), "{days}");
        let slot = practice.slot(150).await;
        let held = practice.hold(&slot, &package).await;
        held.assert_status(200);
        cancel(&practice.student, &held.str("id")).await.assert_status(200);
        given::run(
            &practice.db,
            &format!("update lessons.slots set withdrawn_at = now() where id = '{slot}'"),
        )
        .await;
    }
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_hold_gives_its_lesson_back_and_the_slot_is_open_again() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(3).await, practice.package(1).await);
    let booking = practice.hold(&slot, &package).await.str("id");
    assert_eq!(preview(&practice.student, &booking).await, json!({ "lesson_returned": true }));
    let canceled = cancel(&practice.student, &booking).await;
    assert_eq!((canceled.status(), canceled.json()["refund_returned"].clone()), (200, json!(false)));
    assert_eq!(practice.balance(&package).await, (1, 1, 0));
    assert_eq!(given::ids(&practice.stack.anonymous(), given::OPEN).await, std::slice::from_ref(&slot));
    practice.hold(&slot, &package).await.assert_status(200);
}

#[tokio::test]
async fn after_the_start_only_an_admin_calls_it_off_and_only_until_it_is_marked() {
    let practice = given::practice().await;
    let package = practice.package(3).await;
    let (begun, _) = practice.begun(2, &package).await;
    for caller in [&practice.student, &practice.teacher] {
        assert_eq!(preview(caller, &begun).await, json!(null));
        cancel(caller, &begun).await.assert_error(409, "CONFLICT", "The lesson has begun");
    }
    cancel(&practice.admin, &begun).await.assert_status(200);
    assert_eq!(practice.balance(&package).await, (3, 3, 0));
    let (marked, lesson) = practice.begun(5, &package).await;
    practice.teacher.post(&format!("/api/v1/lessons/{lesson}/complete"), json!({})).await.assert_status(200);
    cancel(&practice.admin, &marked).await.assert_error(409, "CONFLICT", "The lesson has taken place");
    let lapsed = practice.slot(300).await;
    let lapsed = practice.hold(&lapsed, &package).await.str("id");
    given::lapse(&practice.db, &lapsed).await;
    cancel(&practice.student, &lapsed).await.assert_error(409, "CONFLICT", "Booking already expired");
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn anothers_is_404_and_two_at_once_return_one_lesson() {
    let practice = given::practice().await;
    let package = practice.package(3).await;
    let booking = practice.booked(100, &package).await;
    for nobody in [practice.another_student().await, practice.another_teacher().await] {
        cancel(&nobody, &booking).await.assert_error(404, "NOT_FOUND", "Booking not found");
    }
    cancel(&practice.stack.anonymous(), &booking).await.assert_status(401);
    let bad = json!({ "reason": "r".repeat(513) });
    practice
        .student
        .post(&format!("/api/v1/booking/{booking}/cancel"), bad)
        .await
        .assert_invalid(&["/reason"]);
    let callers = [&practice.student, &practice.teacher, &practice.admin, &practice.student];
    let calls = callers.map(|caller| cancel(caller, &booking)).into_iter().collect();
    assert_eq!(given::at_once(calls).await, [200; 4]);
    assert_eq!(practice.balance(&package).await, (3, 3, 0));
    assert_eq!(practice.lines(&package).await, ["grant", "hold", "book", "return"]);
}

#[tokio::test]
async fn a_reason_that_reads_like_a_move_is_a_cancel_all_the_same() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    let booking = practice.booked(100, &package).await;
    let reason = json!({ "reason": "Rescheduled by user" });
    practice.student.post(&format!("/api/v1/booking/{booking}/cancel"), reason).await.assert_status(200);
    let file = practice.student.get(&format!("/api/v1/booking/{booking}/calendar.ics")).await.text();
    assert!(file.contains("STATUS:CANCELLED\r\n") && file.contains("SEQUENCE:1\r\n"), "{file}");
}
