//! `POST /api/v1/booking/{booking_id}/confirm`.

use serde_json::json;

use crate::given::{self, cancel, confirm};

#[tokio::test]
async fn a_hold_becomes_a_lesson_and_takes_one_of_the_package() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(5).await);
    let booking = practice.hold(&slot, &package).await.str("id");
    let confirmed = confirm(&practice.student, &booking).await;
    confirmed.assert_status(200);
    assert_eq!(confirmed.str("status"), "confirmed");
    assert_eq!(confirmed.json()["hold_expires_at"], json!(null));
    assert!(confirmed.json()["confirmed_at"].is_string());
    assert_eq!(practice.balance(&package).await, (5, 4, 0));
    assert_eq!(practice.lines(&package).await, ["grant", "hold", "book"]);
    let lessons = practice.student.get("/api/v1/lessons/my").await.json();
    assert_eq!((&lessons["total"], &lessons["items"][0]["booking_id"]), (&json!(1), &json!(booking)));
    assert_eq!(lessons["items"][0]["status"], "scheduled");

    let again = confirm(&practice.student, &booking).await;
    assert_eq!((again.status(), again.text()), (200, confirmed.text()), "it stays as it is");
    assert_eq!(practice.balance(&package).await, (5, 4, 0));
    let events = practice.events().await;
    assert_eq!(events[1..], ["booking.hold.created", "booking.confirmed", "lesson.created"]);
}

#[tokio::test]
async fn its_teacher_and_an_admin_confirm_it_too_and_nobody_else() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    for (hours, caller) in [(30, &practice.teacher), (40, &practice.admin)] {
        let slot = practice.slot(hours).await;
        let booking = practice.hold(&slot, &package).await.str("id");
        for nobody in [practice.another_student().await, practice.another_teacher().await] {
            confirm(&nobody, &booking).await.assert_error(404, "NOT_FOUND", "Booking not found");
        }
        confirm(&practice.stack.anonymous(), &booking).await.assert_status(401);
        confirm(caller, &booking).await.assert_status(200);
    }
    assert_eq!(practice.balance(&package).await, (5, 3, 0));
}

#[tokio::test]
async fn what_is_over_is_not_confirmed() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(5).await);
    let lapsed = practice.hold(&slot, &package).await.str("id");
    given::lapse(&practice.db, &lapsed).await;
    for _ in 0..2 {
        let refused = confirm(&practice.student, &lapsed).await;
        refused.assert_error(422, "UNPROCESSABLE", "Booking hold has expired");
        // The same before the sweep and after it.
        practice.stack.invoke("end-holds", json!({})).await;
    }
    let canceled = practice.hold(&slot, &package).await.str("id");
    cancel(&practice.student, &canceled).await.assert_status(200);
    let refused = confirm(&practice.student, &canceled).await;
    refused.assert_error(409, "CONFLICT", "Only HOLD booking can be confirmed");
    let late = practice.hold(&slot, &package).await.str("id");
    given::begins_in(&practice.db, &late, -1).await;
    let refused = confirm(&practice.student, &late).await;
    refused.assert_error(422, "UNPROCESSABLE", "Cannot book a slot in the past");
    assert_eq!(practice.balance(&package).await, (5, 5, 1));
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn two_confirms_at_once_take_one_lesson() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(5).await);
    let booking = practice.hold(&slot, &package).await.str("id");
    let calls = (0..6).map(|_| confirm(&practice.student, &booking)).collect();
    assert_eq!(given::at_once(calls).await, [200; 6]);
    assert_eq!(practice.balance(&package).await, (5, 4, 0));
    practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_package_that_ended_or_was_frozen_meanwhile_pays_for_nothing() {
    let practice = given::practice().await;
    let (slot, package) = (practice.slot(30).await, practice.package(5).await);
    let booking = practice.hold(&slot, &package).await.str("id");
    for (meanwhile, back) in [
        ("frozen_at = now()", "frozen_at = null"),
        ("state = 'canceled'", "state = 'active'"),
        ("expires_at = now() + interval '1 hour'", "expires_at = now() + interval '9 days'"),
    ] {
        given::run(&practice.db, &format!("update lessons.packages set {meanwhile} where id = '{package}'"))
            .await;
        let refused = confirm(&practice.student, &booking).await;
        refused.assert_error(422, "UNPROCESSABLE", "Package is inactive or expired");
        given::run(&practice.db, &format!("update lessons.packages set {back} where id = '{package}'")).await;
    }
    assert_eq!(practice.balance(&package).await, (5, 5, 1));
    confirm(&practice.student, &booking).await.assert_status(200);
    practice.assert_ledgers().await;
}
