//! The job `reconcile-payments`.

use local::testkit::fakes::Trouble;
use serde_json::json;

use crate::given;

#[tokio::test(flavor = "multi_thread")]
async fn what_no_event_told_is_asked_for_after_an_hour() {
    let shop = given::shop().await;
    let (paid, expired, open, young) =
        (shop.bought().await, shop.bought().await, shop.bought().await, shop.bought().await);
    let lost = shop.stripe.pay(&paid.session, "paid");
    shop.stripe.expire(&expired.session);
    shop.stripe.pay(&young.session, "paid");
    let sql = format!(
        "update lessons.payments set created_at = now() - interval '61 minutes' where id <> '{}'",
        young.payment
    );
    given::run(&shop.practice.db, &sql).await;
    shop.stripe.then([Trouble::Outage; 6]);
    let run = || shop.practice.stack.invoke("reconcile-payments", json!({}));
    assert_eq!(run().await, json!({ "payments": 0, "refunds": 0, "events": 0, "unanswered": 3 }));
    let (one, two) = tokio::join!(run(), run());
    assert!(one["payments"].as_i64().unwrap() + two["payments"].as_i64().unwrap() >= 2, "{one} {two}");
    let succeeded = ("succeeded".to_owned(), "active".to_owned(), 8, 8, 8000);
    let pending = |status: &str| (status.to_owned(), "pending".to_owned(), 0, 0, 0);
    for _ in 0..2 {
        assert_eq!(shop.known(&paid).await, succeeded);
        assert_eq!(shop.known(&expired).await, pending("expired"));
        assert_eq!(shop.known(&open).await, pending("pending"));
        assert_eq!(shop.known(&young).await, pending("pending"));
        // Told after all.
        assert_eq!(shop.tell(&lost).await, "applied");
        run().await;
    }
    shop.practice.assert_ledgers().await;
}

#[tokio::test]
async fn a_refund_without_an_answer_is_asked_for_again_and_done_once() {
    let shop = given::shop().await;
    let bought = shop.paid().await;
    shop.stripe.then([Trouble::LostAnswer; 2]);
    given::refund(&shop.practice.admin, &bought.payment, json!({ "amount": "10" }), "one")
        .await
        .assert_status(502);
    let sql = "update lessons.payment_refunds set created_at = now() - interval '61 minutes'";
    given::run(&shop.practice.db, sql).await;
    let run = || shop.practice.stack.invoke("reconcile-payments", json!({}));
    assert_eq!(run().await["refunds"], 1);
    assert_eq!(run().await["refunds"], 0);
    assert_eq!((shop.stripe.refunds().len(), shop.known(&bought).await.4), (1, 7000));
}

#[tokio::test]
async fn a_page_that_nobody_was_told_of_ends_after_a_day() {
    let shop = given::shop().await;
    let bought = shop.bought().await;
    let sql = "update lessons.payments set session_id = null, checkout_url = null, created_at = now() - interval '26 hours'";
    given::run(&shop.practice.db, sql).await;
    assert_eq!(shop.practice.stack.invoke("reconcile-payments", json!({})).await["payments"], 1);
    assert_eq!(shop.known(&bought).await.0, "expired");
    assert_eq!(shop.tell(&shop.stripe.pay(&bought.session, "paid")).await, "applied");
    assert_eq!(shop.known(&bought).await.0, "succeeded");
}
