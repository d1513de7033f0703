//! `POST /api/v1/billing/payments/{payment_id}/refund`.

use local::testkit::fakes::Trouble;
use serde_json::json;
use uuid::Uuid;

use crate::given::{self, refund};

#[tokio::test]
async fn lessons_go_back_with_the_money_in_proportion() {
    let shop = given::shop().await;
    let bought = shop.paid().await;
    let admin = &shop.practice.admin;
    let part = refund(admin, &bought.payment, json!({ "amount": "25.00", "reason": "ill" }), "one").await;
    part.assert_status(200);
    let part = part.json();
    assert_eq!(
        (&part["refund"]["amount"], &part["refund"]["status"]),
        (&json!("25.00"), &json!("succeeded"))
    );
    assert_eq!(part["payment"]["refunded_amount"], "25.00");
    // A quarter and a bit of eight lessons.
    let wanted = ("partially_refunded".to_owned(), "active".to_owned(), 8, 6, 5500);
    assert_eq!(shop.known(&bought).await, wanted);
    // Again, and what the provider tells of it, in any number.
    refund(admin, &bought.payment, json!({ "amount": "25.00" }), "one").await.assert_status(200);
    let theirs = shop.stripe.refunds()[0]["id"].as_str().unwrap().to_owned();
    for kind in ["refund.created", "refund.updated", "charge.refund.updated"] {
        assert_eq!(shop.tell(&shop.stripe.refund_event(kind, &theirs, "succeeded")).await, "applied");
    }
    shop.tell(&shop.stripe.charge_refunded(&bought.session, 2500)).await;
    assert_eq!(shop.known(&bought).await, wanted);
    refund(admin, &bought.payment, json!({ "amount": "26.00" }), "one").await.assert_status(409);
    let refused = refund(admin, &bought.payment, json!({ "amount": "55.01" }), "two").await;
    refused.assert_error(422, "UNPROCESSABLE", "Of the payment 55.00 EUR is left");
    // The rest, while a lesson is held and another booked.
    shop.practice.booked(100, &bought.package).await;
    let slot = shop.practice.slot(200).await;
    let held = shop.practice.hold(&slot, &bought.package).await.str("id");
    refund(admin, &bought.payment, json!({}), "three").await.assert_status(200);
    assert_eq!(shop.known(&bought).await, ("refunded".to_owned(), "canceled".to_owned(), 8, 0, 0));
    given::confirm(&shop.practice.student, &held).await.assert_status(409);
    let refused = refund(admin, &bought.payment, json!({}), "four").await;
    refused.assert_error(422, "UNPROCESSABLE", "Payment has no money to give back");
    assert_eq!(shop.practice.ledger(&bought.payment).await, [8000, -2500, -5500]);
    shop.practice.assert_ledgers().await;
}

#[tokio::test]
async fn whatever_breaks_the_money_goes_back_once() {
    let shop = given::shop().await;
    let bought = shop.paid().await;
    let admin = &shop.practice.admin;
    shop.stripe.then([Trouble::LostAnswer; 2]);
    let lost = refund(admin, &bought.payment, json!({ "amount": "10" }), "one").await;
    lost.assert_error(502, "UPSTREAM_UNAVAILABLE", "the payment provider does not answer");
    assert_eq!(shop.known(&bought).await.4, 8000, "nobody knows");
    let refused = refund(admin, &bought.payment, json!({ "amount": "70.01" }), "two").await;
    refused.assert_error(422, "UNPROCESSABLE", "Of the payment 70.00 EUR is left");
    refund(admin, &bought.payment, json!({ "amount": "10" }), "one").await.assert_status(200);
    assert_eq!((shop.stripe.refunds().len(), shop.known(&bought).await.4), (1, 7000));
    // What is refused is not gone.
    shop.stripe.then([Trouble::Refusal]);
    let refused = refund(admin, &bought.payment, json!({ "amount": "10" }), "three").await;
    assert_eq!(refused.assert_status(200).json()["refund"]["status"], "failed");
    assert_eq!(shop.known(&bought).await.4, 7000);
    // A refund whose event is faster than its answer.
    shop.stripe.then([Trouble::LostAnswer; 2]);
    refund(admin, &bought.payment, json!({ "amount": "20" }), "four").await.assert_status(502);
    let theirs = shop.stripe.refunds()[1]["id"].as_str().unwrap().to_owned();
    assert_eq!(shop.tell(&shop.stripe.refund_event("refund.created", &theirs, "succeeded")).await, "applied");
    assert_eq!(shop.known(&bought).await.4, 5000);
    refund(admin, &bought.payment, json!({ "amount": "20" }), "four").await.assert_status(200);
    assert_eq!((shop.stripe.refunds().len(), shop.known(&bought).await.4), (2, 5000));
    // One that fails later comes back, with its lessons.
    assert_eq!(shop.tell(&shop.stripe.refund_event("refund.failed", &theirs, "failed")).await, "applied");
    assert_eq!(
        shop.known(&bought).await,
        ("partially_refunded".to_owned(), "active".to_owned(), 10, 7, 7000)
    );
    shop.practice.assert_ledgers().await;
}

#[tokio::test]
async fn money_that_the_provider_gives_back_takes_its_lessons_along() {
    let shop = given::shop().await;
    let bought = shop.paid().await;
    let theirs = shop.stripe.refund(&bought.session, 4000);
    assert_eq!(shop.tell(&shop.stripe.refund_event("refund.created", &theirs, "pending")).await, "applied");
    shop.tell(&shop.stripe.charge_refunded(&bought.session, 4000)).await;
    assert_eq!(shop.known(&bought).await, ("partially_refunded".to_owned(), "active".to_owned(), 8, 4, 4000));
    assert_eq!(shop.practice.ledger(&bought.payment).await, [8000, -4000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_give_back_no_more_than_came() {
    let shop = given::shop().await;
    for round in 0..5 {
        let bought = shop.paid().await;
        let keys: Vec<String> = (0..4).map(|number| format!("{round}-{number}")).collect();
        let calls = keys
            .iter()
            .map(|key| refund(&shop.practice.admin, &bought.payment, json!({ "amount": "30" }), key));
        assert_eq!(given::at_once(calls.collect()).await, [200, 200, 422, 422]);
        assert_eq!(shop.known(&bought).await.4, 2000);
    }
}

#[tokio::test]
async fn who_may_not_and_what_cannot_be() {
    let practice = given::practice().await;
    let payment = practice.noted_payment(&practice.package(1).await, "10").await;
    let path = format!("{}/{payment}/refund", given::PAYMENTS);
    given::assert_for_admins(&practice, async |caller| {
        caller.post(&path, json!({})).header("idempotency-key", "x").await
    })
    .await;
    practice.admin.post(&path, json!({})).await.assert_invalid(&["/Idempotency-Key"]);
    let refused = refund(&practice.admin, &payment, json!({}), "one").await;
    refused.assert_error(422, "UNPROCESSABLE", "Payment has no money to give back");
    practice.note(&payment, "succeeded").await.assert_status(200);
    refund(&practice.admin, &payment, json!({ "amount": "0.001" }), "two").await.assert_invalid(&["/amount"]);
    refund(&practice.admin, &payment, json!({ "amount": "4" }), "three").await.assert_status(200);
    practice.note(&payment, "refunded").await.assert_status(200);
    assert_eq!(practice.ledger(&payment).await, [1000, -400, -600]);
    let nowhere = refund(&practice.admin, &Uuid::new_v4().to_string(), json!({}), "four").await;
    nowhere.assert_error(404, "NOT_FOUND", "Payment not found");
}
