//! `POST /api/v1/billing/webhooks/stripe`.

use local::testkit::fakes;
use serde_json::json;

use crate::given::{self, WEBHOOK, WEBHOOK_SECRET, at_once};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_told_again_grants_nothing_again() {
    let shop = given::shop().await;
    let bought = shop.bought().await;
    let event = shop.stripe.pay(&bought.session, "paid");
    for _ in 0..3 {
        assert_eq!(shop.tell(&event).await, "applied");
    }
    assert_eq!(at_once(vec![shop.try_tell(&event), shop.try_tell(&event)]).await, [200, 200]);
    let wanted = ("succeeded".to_owned(), "active".to_owned(), 8, 8, 8000);
    assert_eq!(shop.known(&bought).await, wanted);
    assert_eq!(shop.practice.lines(&bought.package).await, ["grant"]);
    // Another event that says the same, two at once.
    let others: Vec<_> = (0..4).map(|_| shop.stripe.pay(&bought.session, "paid")).collect();
    assert_eq!(at_once(others.iter().map(|event| shop.try_tell(event)).collect()).await, [200; 4]);
    assert_eq!(shop.known(&bought).await, wanted);
    let activated = "select count(*) from lessons.events where event_type = 'billing.package.activated'";
    assert_eq!(given::value::<i64>(&shop.practice.db, activated).await, 1);
    shop.practice.stack.invoke("tell-people", json!({})).await;
    let told = shop.practice.student.get("/api/v1/notifications/my").await.json();
    let titles = told["items"].as_array().unwrap().iter().map(|item| &item["title"]);
    assert_eq!(titles.filter(|title| *title == "Package created").count(), 1, "{told}");
    shop.practice.assert_ledgers().await;
}

#[tokio::test]
async fn an_older_event_undoes_nothing() {
    let shop = given::shop().await;
    let bought = shop.bought().await;
    let (paid, late) = (shop.stripe.pay(&bought.session, "paid"), shop.stripe.expire(&bought.session));
    assert_eq!(shop.tell(&paid).await, "applied");
    assert_eq!(shop.tell(&late).await, "applied");
    assert_eq!(shop.tell(&shop.stripe.arrive(&bought.session, false)).await, "applied");
    assert_eq!(shop.known(&bought).await, ("succeeded".to_owned(), "active".to_owned(), 8, 8, 8000));
    // A refund that is told of before the payment.
    let bought = shop.bought().await;
    assert_eq!(shop.tell(&shop.stripe.charge_refunded(&bought.session, 8000)).await, "applied");
    let refunded = ("refunded".to_owned(), "canceled".to_owned(), 8, 0, 0);
    assert_eq!(shop.known(&bought).await, refunded);
    assert_eq!(shop.tell(&shop.stripe.pay(&bought.session, "paid")).await, "applied");
    assert_eq!(shop.known(&bought).await, refunded);
    let slot = shop.practice.slot(100).await;
    shop.practice.hold(&slot, &bought.package).await.assert_error(
        422,
        "UNPROCESSABLE",
        "Package is not active",
    );
}

#[tokio::test]
async fn money_that_comes_late_is_lessons_all_the_same() {
    let shop = given::shop().await;
    let bought = shop.bought().await;
    assert_eq!(shop.tell(&shop.stripe.expire(&bought.session)).await, "applied");
    assert_eq!(shop.known(&bought).await, ("expired".to_owned(), "pending".to_owned(), 0, 0, 0));
    let why = json!({ "action": "cancel", "reason": "nobody paid" });
    let adjust = format!("/api/v1/admin/packages/{}/adjust", bought.package);
    shop.practice.admin.post(&adjust, why).await.assert_status(200);
    assert_eq!(shop.tell(&shop.stripe.pay(&bought.session, "paid")).await, "applied");
    assert_eq!(shop.known(&bought).await, ("succeeded".to_owned(), "active".to_owned(), 8, 8, 8000));
    shop.practice.booked(100, &bought.package).await;
    // On its way, then there.
    let bought = shop.bought().await;
    shop.tell(&shop.stripe.pay(&bought.session, "unpaid")).await;
    assert_eq!(shop.known(&bought).await, ("processing".to_owned(), "pending".to_owned(), 0, 0, 0));
    shop.tell(&shop.stripe.arrive(&bought.session, false)).await;
    assert_eq!(shop.known(&bought).await, ("failed".to_owned(), "pending".to_owned(), 0, 0, 0));
    shop.tell(&shop.stripe.arrive(&bought.session, true)).await;
    assert_eq!(shop.known(&bought).await, ("succeeded".to_owned(), "active".to_owned(), 8, 8, 8000));
}

#[tokio::test]
async fn what_does_not_fit_its_payment_is_kept_and_changes_nothing() {
    let shop = given::shop().await;
    let plan = shop.practice.plan(8, "8000", "JPY").await;
    let bought = shop.bought_of(&plan).await;
    let good = shop.stripe.pay(&bought.session, "paid");
    for (number, (pointer, wrong)) in [
        ("/data/object/amount_total", json!(80)),
        ("/data/object/amount_total", json!(800_000)),
        ("/data/object/amount_total", json!(null)),
        ("/data/object/currency", json!("eur")),
        ("/data/object/id", json!("cs_another")),
        ("/livemode", json!(true)),
    ]
    .into_iter()
    .enumerate()
    {
        let mut event = good.clone();
        event["id"] = json!(format!("evt_wrong_{number}"));
        *event.pointer_mut(pointer).unwrap() = wrong;
        assert_eq!(shop.tell(&event).await, "mismatched", "{pointer}");
        assert_eq!(shop.known(&bought).await, ("pending".to_owned(), "pending".to_owned(), 0, 0, 0));
    }
    let overview = shop.practice.admin.get("/api/v1/admin/ops/overview").await.json();
    assert_eq!(overview["mismatched_payment_events"], 6);
    assert_eq!(shop.tell(&good).await, "applied");
    assert_eq!(shop.known(&bought).await, ("succeeded".to_owned(), "active".to_owned(), 8, 8, 8000));
    // What concerns nobody here.
    let foreign = json!({ "id": "cs_x", "amount_total": 1, "currency": "eur", "payment_status": "paid", "metadata": {} });
    for event in [
        shop.stripe.event("checkout.session.completed", foreign),
        shop.stripe.event("customer.created", json!({ "id": "cus_1", "email": "a@example.org" })),
    ] {
        assert_eq!(shop.tell(&event).await, "ignored");
    }
    let kept = "select count(*) from lessons.payment_events where said::text like '%example.org%'";
    assert_eq!(given::value::<i64>(&shop.practice.db, kept).await, 0, "nothing of people is kept");
}

#[tokio::test]
async fn only_stripes_signature_of_this_body_and_about_now_counts() {
    let shop = given::shop().await;
    let bought = shop.bought().await;
    let body = shop.stripe.pay(&bought.session, "paid").to_string();
    let now = jiff::Timestamp::now().as_second();
    let nobody = shop.practice.stack.anonymous();
    let tell = async |signature: &str| {
        nobody.request("POST", WEBHOOK).body(body.clone()).header("stripe-signature", signature).await
    };
    for bad in [
        fakes::sign("whsec_of_nobody", now, &body),
        fakes::sign(WEBHOOK_SECRET, now, "{}"),
        fakes::sign(WEBHOOK_SECRET, now - 3600, &body),
        fakes::sign(WEBHOOK_SECRET, now + 3600, &body),
        String::from("t=0,v1=00"),
    ] {
        tell(&bad).await.assert_invalid(&["/Stripe-Signature"]);
    }
    nobody.request("POST", WEBHOOK).body(body.clone()).await.assert_invalid(&["/Stripe-Signature"]);
    assert_eq!(
        given::value::<i64>(&shop.practice.db, "select count(*) from lessons.payment_events").await,
        0
    );
    // The secret that is on its way out.
    tell(&fakes::sign("whsec_before", now, &body)).await.assert_status(200);
    assert_eq!(shop.known(&bought).await, ("succeeded".to_owned(), "active".to_owned(), 8, 8, 8000));
    let empty = fakes::sign(WEBHOOK_SECRET, now, "[]");
    let refused = nobody.request("POST", WEBHOOK).body("[]").header("stripe-signature", &empty).await;
    refused.assert_status(400);
}

#[tokio::test]
async fn a_dispute_freezes_a_package_and_its_end_decides() {
    let shop = given::shop().await;
    for (end, wanted) in [
        ("won", ("succeeded".to_owned(), "active".to_owned(), 8, 7, 8000)),
        ("lost", ("succeeded".to_owned(), "canceled".to_owned(), 8, 0, 0)),
    ] {
        let bought = shop.paid().await;
        shop.practice.booked(if end == "won" { 100 } else { 200 }, &bought.package).await;
        let inquiry = shop.stripe.dispute("created", &bought.session, 8000, "warning_needs_response");
        assert_eq!(shop.tell(&inquiry).await, "applied");
        assert_eq!(shop.known(&bought).await.4, 8000, "a question moves no money");
        for _ in 0..2 {
            let event = shop.stripe.dispute("created", &bought.session, 8000, "needs_response");
            assert_eq!(shop.tell(&event).await, "applied");
            assert_eq!(shop.known(&bought).await, ("succeeded".to_owned(), "active".to_owned(), 8, 7, 0));
        }
        let slot = shop.practice.slot(if end == "won" { 300 } else { 400 }).await;
        let held = shop.practice.hold(&slot, &bought.package).await;
        held.assert_error(422, "UNPROCESSABLE", "Package is not active");
        let refused = given::refund(&shop.practice.admin, &bought.payment, json!({}), "one").await;
        refused.assert_error(422, "UNPROCESSABLE", "Payment is disputed: its money is with the bank");
        let closed = shop.stripe.dispute("closed", &bought.session, 8000, end);
        assert_eq!(shop.tell(&closed).await, "applied");
        let late = shop.stripe.dispute("updated", &bought.session, 8000, "under_review");
        assert_eq!(shop.tell(&late).await, "applied");
        assert_eq!(shop.known(&bought).await, wanted, "{end}");
        let held = shop.practice.hold(&slot, &bought.package).await;
        assert_eq!(held.status(), if end == "won" { 200 } else { 422 });
    }
    shop.practice.assert_ledgers().await;
}
