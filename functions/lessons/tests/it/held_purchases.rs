//! A time that is held along with a purchase.

use local::testkit::fakes::Trouble;
use local::testkit::{Answer, Client};
use serde_json::json;

use crate::given::{self, OPEN, Shop, cancel, confirm, hold, ids, run, value};

const BUY: &str = "/api/v1/billing/packages/purchase";

async fn buy_with(student: &Client, plan: &str, slot: &str, key: &str) -> Answer {
    let call = student.post(BUY, json!({ "plan_id": plan, "slot_id": slot }));
    call.header("idempotency-key", key).await
}

/// A purchase of so many lessons with a time held along: payment, package, booking, page, slot.
async fn held(shop: &Shop, lessons: i64) -> (String, String, String, String, String) {
    let practice = &shop.practice;
    let (plan, slot) = (practice.plan(lessons, "80.00", "EUR").await, practice.slot(100).await);
    let bought = buy_with(&practice.student, &plan, &slot, "one").await;
    bought.assert_status(201);
    let bought = bought.json();
    let id = |what: &str| bought[what]["id"].as_str().expect("an id").to_owned();
    assert_eq!(bought["booking"]["status"], "hold");
    assert_eq!(bought["booking"]["package_id"], bought["package"]["id"]);
    let session = shop.stripe.session_of(&id("payment"));
    (id("payment"), id("package"), id("booking"), session, slot)
}

async fn state(shop: &Shop, booking: &str) -> String {
    shop.practice.student.get(&format!("/api/v1/booking/{booking}")).await.str("status")
}

async fn lapse(shop: &Shop, booking: &str) {
    let sql = format!("update lessons.bookings set hold_expires_at = now() where id = '{booking}'");
    assert_eq!(run(&shop.practice.db, &sql).await, 1);
}

#[tokio::test]
async fn the_money_makes_the_hold_a_lesson() {
    let shop = given::shop().await;
    let (_, package, booking, session, slot) = held(&shop, 8).await;
    let practice = &shop.practice;
    // The page ends with the hold, and lives as long as Stripe wants it to.
    let form = shop.stripe.calls().pop().unwrap().form;
    let until: i64 =
        value(&practice.db, "select floor(extract(epoch from hold_expires_at))::int8 from lessons.bookings")
            .await;
    assert_eq!(form["expires_at"], until.to_string());
    let minutes: f64 = value(
        &practice.db,
        "select (extract(epoch from hold_expires_at - now()) / 60)::float8 from lessons.bookings",
    )
    .await;
    assert!((30.0..=35.0).contains(&minutes), "{minutes}");
    assert!(ids(&practice.student, OPEN).await.is_empty(), "nobody else is offered it");
    assert_eq!(practice.balance(&package).await, (0, 0, 0), "there is no lesson to keep");
    let early = confirm(&practice.student, &booking).await;
    early.assert_error(422, "UNPROCESSABLE", "Package is inactive or expired");
    practice.assert_ledgers().await;

    assert_eq!(shop.tell(&shop.stripe.pay(&session, "paid")).await, "applied");
    assert_eq!(state(&shop, &booking).await, "confirmed");
    assert_eq!(practice.balance(&package).await, (8, 7, 0));
    assert_eq!(practice.lines(&package).await, ["grant", "hold", "book"]);
    practice.assert_ledgers().await;
    let lessons = practice.teacher.get("/api/v1/lessons/my").await;
    assert_eq!(lessons.json()["items"][0]["booking_id"], json!(booking));
    let events = practice.events().await;
    assert_eq!(events.iter().filter(|kind| *kind == "booking.confirmed").count(), 1);
    // Told again, nothing more happens; and the same key gives the same purchase.
    assert_eq!(shop.tell(&shop.stripe.pay(&session, "paid")).await, "applied");
    assert_eq!(practice.balance(&package).await, (8, 7, 0));
    let plan: uuid::Uuid = value(&practice.db, "select plan_id from lessons.packages").await;
    let again = buy_with(&practice.student, &plan.to_string(), &slot, "one").await;
    assert_eq!((again.status(), again.json()["booking"]["id"].clone()), (201, json!(booking)));
    let elsewhere = practice.slot(130).await;
    let other = buy_with(&practice.student, &plan.to_string(), &elsewhere, "one").await;
    other.assert_error(409, "CONFLICT", "the idempotency key was used for another request");
    practice.stack.invoke("tell-people", json!({})).await;
    assert_eq!(mails(&shop, "lesson_confirmed").await, 2);
    assert_eq!(mails(&shop, "package_paid").await, 1);
    assert_eq!(time_lost(&shop).await, "false");
}

async fn mails(shop: &Shop, template: &str) -> i64 {
    let sql = format!("select count(*) from platform.outbox where payload ->> 'template' = '{template}'");
    value(&shop.practice.db, &sql).await
}

async fn time_lost(shop: &Shop) -> String {
    let sql = "select payload ->> 'is_time_lost' from platform.outbox where payload ->> 'template' = 'package_paid'";
    value(&shop.practice.db, sql).await
}

#[tokio::test]
async fn money_that_comes_after_the_hold_is_a_lesson_in_the_package() {
    let shop = given::shop().await;
    let (payment, package, booking, session, slot) = held(&shop, 1).await;
    let practice = &shop.practice;
    lapse(&shop, &booking).await;
    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 1).await;
    let taken = hold(&other, &slot, &theirs).await;
    taken.assert_status(200);
    confirm(&other, &taken.str("id")).await.assert_status(200);
    let before = other.get(&format!("/api/v1/booking/{}", taken.str("id"))).await.text();

    assert_eq!(shop.tell(&shop.stripe.pay(&session, "paid")).await, "applied");
    let paid = practice.student.get(&format!("{}/{payment}", given::PAYMENTS)).await;
    assert_eq!(paid.str("status"), "succeeded");
    assert_eq!(state(&shop, &booking).await, "expired");
    assert_eq!(practice.balance(&package).await, (1, 1, 0));
    assert_eq!(practice.lines(&package).await, ["grant"]);
    assert_eq!(other.get(&format!("/api/v1/booking/{}", taken.str("id"))).await.text(), before);
    practice.assert_ledgers().await;
    practice.stack.invoke("tell-people", json!({})).await;
    assert_eq!(mails(&shop, "package_paid").await, 1);
    assert_eq!(time_lost(&shop).await, "true");
    // The lesson is good for another time.
    let elsewhere = practice.slot(130).await;
    practice.hold(&elsewhere, &package).await.assert_status(200);
}

#[tokio::test]
async fn a_hold_that_nobody_sweeps_or_that_is_given_up_leaves_no_line() {
    let shop = given::shop().await;
    let (_, package, booking, session, slot) = held(&shop, 2).await;
    let practice = &shop.practice;
    cancel(&practice.student, &booking).await.assert_status(200);
    assert_eq!(ids(&practice.student, OPEN).await, [slot], "it is on offer again");
    practice.assert_ledgers().await;
    assert_eq!(shop.tell(&shop.stripe.pay(&session, "paid")).await, "applied");
    assert_eq!(state(&shop, &booking).await, "canceled");
    assert_eq!(practice.lines(&package).await, ["grant"]);
    assert_eq!(practice.balance(&package).await, (2, 2, 0));

    // Lapsed, and swept by the job before the money comes, or not swept at all.
    for is_swept in [true, false] {
        let (plan, slot) =
            (practice.plan(3, "9.00", "EUR").await, practice.slot(200 + i64::from(is_swept)).await);
        let bought = buy_with(&practice.student, &plan, &slot, &format!("swept-{is_swept}")).await;
        bought.assert_status(201);
        let bought = bought.json();
        let booking = bought["booking"]["id"].as_str().unwrap();
        lapse(&shop, booking).await;
        if is_swept {
            practice.stack.invoke("end-holds", json!({})).await;
        }
        let session = shop.stripe.session_of(bought["payment"]["id"].as_str().unwrap());
        assert_eq!(shop.tell(&shop.stripe.pay(&session, "paid")).await, "applied");
        assert_eq!(state(&shop, booking).await, "expired");
        assert_eq!(practice.lines(bought["package"]["id"].as_str().unwrap()).await, ["grant"]);
        practice.assert_ledgers().await;
    }
}

#[tokio::test]
async fn money_that_went_back_before_it_came_books_nothing() {
    let shop = given::shop().await;
    let (_, package, booking, session, _) = held(&shop, 1).await;
    let paid = shop.stripe.pay(&session, "paid");
    shop.tell(&shop.stripe.charge_refunded(&session, 8000)).await;
    shop.tell(&paid).await;
    assert_eq!(state(&shop, &booking).await, "expired");
    let status: String =
        value(&shop.practice.db, &format!("select state from lessons.packages where id = '{package}'")).await;
    assert_eq!(status, "canceled");
    assert_eq!(shop.practice.balance(&package).await.1, 0);
    shop.practice.assert_ledgers().await;
}

#[tokio::test]
async fn what_cannot_be_held_along_buys_nothing() {
    let shop = given::shop().await;
    let practice = &shop.practice;
    let (plan, slot) = (practice.plan(2, "80.00", "EUR").await, practice.slot(100).await);
    let student = &practice.student;
    let unknown = uuid::Uuid::new_v4().to_string();
    buy_with(student, &plan, &unknown, "a").await.assert_error(404, "NOT_FOUND", "Slot not found");
    let manual = json!({ "plan_id": plan, "slot_id": slot, "provider_name": "manual" });
    let refused = student.post(BUY, manual).header("idempotency-key", "b").await;
    let why = "A time is held along only where the package is paid at once";
    refused.assert_error(422, "UNPROCESSABLE", why);
    let part = json!({ "plan_id": plan, "start_at": given::in_hours(100) });
    student.post(BUY, part).header("idempotency-key", "c").await.assert_status(400);
    let late = practice.slot(46 * 24).await;
    let refused = buy_with(student, &plan, &late, "d").await;
    refused.assert_error(422, "UNPROCESSABLE", "The lesson begins after the package has ended");
    let other = practice.another_student().await;
    let theirs = practice.package_of(&other, 1).await;
    hold(&other, &slot, &theirs).await.assert_status(200);
    buy_with(student, &plan, &slot, "e").await.assert_error(409, "CONFLICT", "Slot is not available");
    let count: i64 = value(&practice.db, "select count(*) from lessons.payments").await;
    assert_eq!((count, shop.stripe.calls().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_buy_with_one_time_are_one_who_has_it() {
    let shop = given::shop().await;
    let practice = &shop.practice;
    let other = practice.another_student().await;
    let plan = practice.plan(1, "80.00", "EUR").await;
    for round in 0..5 {
        let slot = practice.slot(100 + 2 * round).await;
        let key = format!("round-{round}");
        let calls = tokio::join!(
            buy_with(&practice.student, &plan, &slot, &key),
            buy_with(&other, &plan, &slot, &key),
        );
        let mut statuses = [calls.0.status(), calls.1.status()];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409]);
        let sql = "update lessons.bookings set hold_expires_at = now() where state = 'hold'";
        run(&practice.db, sql).await;
    }
}

#[tokio::test]
async fn a_page_that_is_made_late_outlives_the_hold() {
    let shop = given::shop().await;
    let practice = &shop.practice;
    let (plan, slot) = (practice.plan(2, "80.00", "EUR").await, practice.slot(100).await);
    shop.stripe.then([Trouble::Outage; 2]);
    buy_with(&practice.student, &plan, &slot, "one").await.assert_status(502);
    // The provider makes no page of less than half an hour.
    let sql = "update lessons.bookings set hold_expires_at = now() + interval '10 minutes'";
    assert_eq!(run(&practice.db, sql).await, 1);
    let bought = buy_with(&practice.student, &plan, &slot, "one").await;
    bought.assert_status(201);
    assert_eq!(bought.json()["booking"]["status"], "hold");
    assert!(!shop.stripe.calls().pop().expect("a call").form.contains_key("expires_at"));
}
