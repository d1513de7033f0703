//! `POST /api/v1/billing/packages/purchase`.

use local::testkit::fakes::Trouble;
use serde_json::json;
use uuid::Uuid;

use crate::given::{self, buy};

const BUY: &str = "/api/v1/billing/packages/purchase";

#[tokio::test]
async fn a_purchase_waits_for_its_payment_and_says_where_to_pay() {
    let shop = given::shop().await;
    let plan = shop.practice.plan(8, "80.00", "EUR").await;
    let purchase = buy(&shop.practice.student, &plan, "one").await;
    purchase.assert_status(201);
    let purchase = purchase.json();
    let (package, payment) = (&purchase["package"], &purchase["payment"]);
    assert_eq!((&package["status"], &package["lessons_total"]), (&json!("pending"), &json!(0)));
    assert_eq!((&package["price_amount"], &package["price_currency"]), (&json!("80.00"), &json!("EUR")));
    assert_eq!((&payment["status"], &payment["amount"]), (&json!("pending"), &json!("80.00")));
    assert_eq!(payment["provider_name"], "stripe");
    let session = shop.stripe.session_of(payment["id"].as_str().unwrap());
    assert_eq!(payment["checkout_url"], shop.stripe.session(&session)["url"]);
    // What waits for its money holds no lesson.
    let slot = shop.practice.slot(100).await;
    let held = shop.practice.hold(&slot, package["id"].as_str().unwrap()).await;
    held.assert_error(422, "UNPROCESSABLE", "Package is not active");
    let call = &shop.stripe.calls()[0];
    assert_eq!(call.key.as_deref(), payment["id"].as_str());
    assert_eq!(call.form["payment_intent_data[metadata][payment_id]"], payment["id"]);
    assert!(call.version.is_some());
    // The same key is the same purchase, whatever the plan has become.
    shop.practice.admin.patch(&format!("{}/{plan}", given::ADMIN_PLANS), json!({ "is_active": false })).await;
    let sql = "update lessons.plans set is_active = true, price_minor = 1";
    given::run(&shop.practice.db, sql).await;
    let again = buy(&shop.practice.student, &plan, "one").await;
    again.assert_status(201);
    assert_eq!(again.json()["payment"], *payment);
    assert_eq!((shop.stripe.calls().len(), again.json()["package"].clone()), (1, package.clone()));
    let other = shop.practice.plan(4, "1.00", "EUR").await;
    let refused = buy(&shop.practice.student, &other, "one").await;
    refused.assert_error(409, "CONFLICT", "the idempotency key was used for another request");
}

#[tokio::test]
async fn yen_have_no_decimals_and_stripes_own_factors_are_stripes() {
    let shop = given::shop().await;
    for (amount, currency, unit) in
        [("8000", "JPY", "8000"), ("500", "ISK", "50000"), ("1.230", "KWD", "1230")]
    {
        let plan = shop.practice.plan(8, amount, currency).await;
        let bought = shop.bought_of(&plan).await;
        let form = shop.stripe.calls().pop().unwrap().form;
        assert_eq!(form["line_items[0][price_data][unit_amount]"], unit, "{currency}");
        assert_eq!(form["line_items[0][price_data][currency]"], currency.to_lowercase());
        assert_eq!(shop.tell(&shop.stripe.pay(&bought.session, "paid")).await, "applied");
        let payment = shop.practice.student.get(&format!("{}/{}", given::PAYMENTS, bought.payment)).await;
        assert_eq!(
            (payment.str("amount"), payment.str("status")),
            (amount.to_owned(), "succeeded".to_owned())
        );
    }
    let plan = shop.practice.plan(8, "1.234", "KWD").await;
    let refused = buy(&shop.practice.student, &plan, "dinars").await;
    refused.assert_error(422, "UNPROCESSABLE", "Stripe cannot charge this price exactly");
}

#[tokio::test]
async fn whatever_breaks_the_same_key_goes_on_with_the_same_purchase() {
    let shop = given::shop().await;
    let plan = shop.practice.plan(8, "80.00", "EUR").await;
    shop.stripe.then([Trouble::Outage; 2]);
    let broken = buy(&shop.practice.student, &plan, "one").await;
    broken.assert_error(502, "UPSTREAM_UNAVAILABLE", "the payment provider does not answer");
    shop.stripe.then([Trouble::LostAnswer; 2]);
    buy(&shop.practice.student, &plan, "one").await.assert_status(502);
    let bought = buy(&shop.practice.student, &plan, "one").await;
    bought.assert_status(201);
    let count = "select count(*) from lessons.payments";
    assert_eq!(given::value::<i64>(&shop.practice.db, count).await, 1);
    let sessions: Vec<_> = shop.stripe.calls().into_iter().map(|call| call.key).collect();
    assert_eq!(sessions.len(), 5);
    assert!(sessions.iter().all(|key| *key == sessions[0]), "one payment is one page: {sessions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_with_one_key_are_one_purchase() {
    let shop = given::shop().await;
    let plan = shop.practice.plan(8, "80.00", "EUR").await;
    for round in 0..5 {
        let key = format!("round {round}").replace(' ', "-");
        let calls = (0..4).map(|_| buy(&shop.practice.student, &plan, &key)).collect();
        assert_eq!(given::at_once(calls).await, [201; 4]);
        let count = "select count(*) from lessons.payments";
        assert_eq!(given::value::<i64>(&shop.practice.db, count).await, round + 1);
    }
}

#[tokio::test]
async fn what_cannot_be_bought_is_refused() {
    let practice = given::practice().await;
    let plan = practice.plan(8, "80.00", "EUR").await;
    let body = json!({ "plan_id": plan });
    practice.student.post(BUY, body.clone()).await.assert_invalid(&["/Idempotency-Key"]);
    let refused = buy(&practice.student, &Uuid::new_v4().to_string(), "one").await;
    refused.assert_error(404, "NOT_FOUND", "Plan not found");
    let stripe = json!({ "plan_id": plan, "provider_name": "stripe" });
    let refused = practice.student.post(BUY, stripe).header("idempotency-key", "two").await;
    refused.assert_error(503, "UNAVAILABLE", "payments by Stripe are not configured");
    practice
        .admin
        .patch(&format!("{}/{plan}", given::ADMIN_PLANS), json!({ "is_active": false }))
        .await
        .assert_status(200);
    buy(&practice.student, &plan, "three").await.assert_error(404, "NOT_FOUND", "Plan not found");
    let count = "select count(*) from lessons.packages";
    assert_eq!(given::value::<i64>(&practice.db, count).await, 0);
    practice.stack.anonymous().post(BUY, body).await.assert_status(401);
}

#[tokio::test]
async fn by_hand_an_admin_says_that_the_money_came_and_the_package_can_be_used() {
    let practice = given::practice().await;
    let plan = practice.plan(8, "80.00", "EUR").await;
    let purchase = buy(&practice.student, &plan, "one").await.json();
    let id = |what: &str| purchase[what]["id"].as_str().unwrap().to_owned();
    let (package, payment) = (id("package"), id("payment"));
    assert_eq!(purchase["payment"]["provider_name"], "manual");
    let note = json!({ "package_id": package, "amount": "80.00" });
    let refused = practice.student.post(given::PAYMENTS, note).await;
    refused.assert_error(422, "UNPROCESSABLE", "Package is not active");
    practice.note(&payment, "failed").await.assert_status(200);
    assert_eq!(practice.balance(&package).await, (0, 0, 0));
    practice.note(&payment, "succeeded").await.assert_status(200);
    practice.note(&payment, "succeeded").await.assert_status(200);
    assert_eq!(practice.balance(&package).await, (8, 8, 0));
    practice.booked(100, &package).await;
    practice.note(&payment, "refunded").await.assert_status(200);
    assert_eq!(practice.balance(&package).await, (8, 0, 0), "the lesson that is booked takes place");
    assert_eq!(practice.lines(&package).await, ["grant", "hold", "book", "revoke", "cancel"]);
    assert_eq!(practice.ledger(&payment).await, [8000, -8000]);
    practice.assert_ledgers().await;
}
