//! `POST /api/v1/booking/hold`.

use serde_json::json;
use uuid::Uuid;

use crate::given::{self, HOLD, hold, in_hours, in_minutes};

#[tokio::test]
async fn a_hold_keeps_the_time_and_a_lesson_for_ten_minutes() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(2).await);
    let held = practice.hold(&slot, &package).await;
    held.assert_status(200);
    let booking = held.json();
    assert_eq!(booking["status"], "hold");
    assert_eq!((&booking["slot_id"], &booking["package_id"]), (&json!(slot), &json!(package)));
    assert_eq!(booking["student_id"], practice.student.id().to_string());
    assert_eq!(booking["teacher_id"], practice.teacher.id().to_string());
    assert_eq!((&booking["start_at"], &booking["end_at"]), (&json!(in_hours(30)), &json!(in_hours(31))));
    assert_eq!(booking["free_cancel_until"], json!(in_hours(6)));
    assert_eq!((&booking["refund_returned"], &booking["confirmed_at"]), (&json!(false), &json!(null)));
    let minutes: f64 = given::value(
        &practice.db,
        "select (extract(epoch from hold_expires_at - now()) / 60)::float8 from lessons.bookings",
    )
    .await;
    assert!((9.0..=10.0).contains(&minutes), "{minutes}");
    assert_eq!(practice.balance(&package).await, (2, 2, 1), "left stays, and one of it is held");
    assert_eq!(practice.lines(&package).await, ["grant", "hold"]);
    assert_eq!(practice.events().await, ["billing.package.created", "booking.hold.created"]);
}

#[tokio::test]
async fn what_cannot_be_held_says_why() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(1).await);
    let unknown = Uuid::new_v4().to_string();
    practice.hold(&unknown, &package).await.assert_error(404, "NOT_FOUND", "Slot not found");
    practice.hold(&slot, &unknown).await.assert_error(404, "NOT_FOUND", "Package not found");
    let other = practice.another_student().await;
    let others = practice.package_of(&other, 1).await;
    practice.hold(&slot, &others).await.assert_error(404, "NOT_FOUND", "Package not found");

    let unusable = [
        ("state = 'pending'", "Package is not active"),
        ("state = 'canceled'", "Package is not active"),
        ("state = 'active', frozen_at = now()", "Package is not active"),
        ("frozen_at = null, expires_at = now()", "Package is expired"),
        ("expires_at = now() + interval '1 hour'", "The lesson begins after the package has ended"),
    ];
    for (change, why) in unusable {
        given::run(&practice.db, &format!("update lessons.packages set {change} where id = '{package}'"))
            .await;
        practice.hold(&slot, &package).await.assert_error(422, "UNPROCESSABLE", why);
    }
    let ends =
        format!("update lessons.packages set expires_at = now() + interval '9 days' where id = '{package}'");
    given::run(&practice.db, &ends).await;

    for (closed, status, why) in [
        ("blocked_at = now()", 404, "Slot not found"),
        ("blocked_at = null, withdrawn_at = now()", 404, "Slot not found"),
        (
            "withdrawn_at = null, starts_at = now() - interval '1 minute', ends_at = now() + interval '1 hour'",
            422,
            "Cannot book a slot in the past",
        ),
    ] {
        given::run(&practice.db, &format!("update lessons.slots set {closed} where id = '{slot}'")).await;
        let refused = practice.hold(&slot, &package).await;
        assert_eq!((refused.status(), refused.str("message")), (status, why.to_owned()));
    }
    let next = practice.slot(40).await;
    practice.hold(&next, &package).await.assert_status(200);
    let again = practice.slot(50).await;
    practice.hold(&again, &package).await.assert_error(422, "UNPROCESSABLE", "No lessons left in package");
    assert_eq!(practice.balance(&package).await, (1, 1, 1), "refusals leave nothing behind");
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_part_of_a_slot_can_be_held() {
    let practice = given::practice().await;
    let slot = practice.slot_of(&practice.teacher, in_minutes(1200), in_minutes(1320)).await;
    let package = practice.package(3).await;
    let part = |start, end| json!({ "slot_id": slot, "package_id": package, "start_at": in_minutes(start), "end_at": in_minutes(end) });
    for (start, end) in [(1190, 1230), (1300, 1330)] {
        let refused = practice.student.post(HOLD, part(start, end)).await;
        refused.assert_error(422, "UNPROCESSABLE", "start_at and end_at must lie in the slot");
    }
    for (start, end) in [(1230, 1230), (1240, 1230), (1230, 1244)] {
        let refused = practice.student.post(HOLD, part(start, end)).await;
        refused.assert_error(422, "UNPROCESSABLE", "a lesson has 15 minutes at least");
    }
    let held = practice.student.post(HOLD, part(1230, 1275)).await;
    held.assert_status(200);
    assert_eq!(
        (held.json()["start_at"].clone(), held.json()["end_at"].clone()),
        (json!(in_minutes(1230)), json!(in_minutes(1275)))
    );
    practice.hold(&slot, &package).await.assert_error(409, "CONFLICT", "Slot is not available");
    practice.student.post(HOLD, part(1275, 1320)).await.assert_status(200);
}

#[tokio::test]
async fn a_student_is_in_one_lesson_at_a_time_and_holds_three_at_most() {
    let practice = given::practice().await;
    let (package, other) = (practice.package(9).await, practice.another_teacher().await);
    let mine = practice.slot(30).await;
    practice.hold(&mine, &package).await.assert_status(200);
    let same_time = practice.slot_of(&other, in_minutes(30 * 60 + 30), in_minutes(31 * 60 + 30)).await;
    let refused = practice.hold(&same_time, &package).await;
    refused.assert_error(409, "CONFLICT", "You have another lesson at this time");
    let after = practice.slot_of(&other, in_hours(32), in_hours(33)).await;
    practice.hold(&after, &package).await.assert_status(200);
    let (third, fourth) = (practice.slot(50).await, practice.slot(60).await);
    practice.hold(&third, &package).await.assert_status(200);
    let refused = practice.hold(&fourth, &package).await;
    refused.assert_error(409, "CONFLICT", "You hold 3 lessons, which is as many as you may");
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_lapsed_hold_is_in_nobodys_way_before_any_sweep() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(1).await);
    let first = practice.hold(&slot, &package).await.str("id");
    given::lapse(&practice.db, &first).await;
    let other = practice.another_student().await;
    let others = practice.package_of(&other, 1).await;
    hold(&other, &slot, &others).await.assert_status(200);
    let read = practice.student.get(&format!("/api/v1/booking/{first}")).await;
    assert_eq!(read.str("status"), "expired");
    // The one who let it lapse has the lesson back, and may hold another time with it.
    assert_eq!(practice.balance(&package).await, (1, 1, 0));
    assert_eq!(practice.lines(&package).await, ["grant", "hold", "release"]);
    let next = practice.slot(40).await;
    let held = practice.hold(&next, &package).await;
    held.assert_status(200);
    // The last lesson, held by a hold that nobody has swept yet, is free again too.
    given::lapse(&practice.db, &held.str("id")).await;
    practice.hold(&next, &package).await.assert_status(200);
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn it_is_for_students_and_for_others_than_the_teacher() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(1).await);
    let teaches = practice.another_teacher().await;
    hold(&teaches, &slot, &package).await.assert_error(403, "FORBIDDEN", "this needs the role student");
    let own = practice.package_of(&practice.teacher, 1).await;
    let refused = hold(&practice.teacher, &slot, &own).await;
    refused.assert_error(422, "UNPROCESSABLE", "Nobody takes lessons with themselves");
    hold(&practice.stack.anonymous(), &slot, &package).await.assert_status(401);
    practice.student.post(HOLD, json!({ "slot_id": "x" })).await.assert_invalid(&["/package_id", "/slot_id"]);
}
