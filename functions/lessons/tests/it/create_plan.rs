//! `POST /api/v1/admin/plans`.

use serde_json::json;

use crate::given::{self, ADMIN_PLANS};

#[tokio::test]
async fn a_price_has_its_currencys_decimals() {
    let practice = given::practice().await;
    let new = |amount: serde_json::Value, currency: &str| json!({ "title": "standard-8", "lessons_total": 8, "duration_days": 45, "price_amount": amount, "price_currency": currency });
    for (amount, currency, written) in [
        (json!("89"), "EUR", "89.00"),
        (json!(89.5), "eur", "89.50"),
        (json!("8000"), "JPY", "8000"),
        (json!("8000.00"), "JPY", "8000"),
        (json!("12.345"), "KWD", "12.345"),
    ] {
        let made = practice.admin.post(ADMIN_PLANS, new(amount, currency)).await;
        made.assert_status(201);
        let plan = made.json();
        assert_eq!(
            (&plan["price_amount"], &plan["price_currency"]),
            (&json!(written), &json!(currency.to_uppercase()))
        );
        assert_eq!(
            (&plan["lessons_total"], &plan["duration_days"], &plan["is_active"]),
            (&json!(8), &json!(45), &json!(true))
        );
    }
    for (amount, currency, path) in [
        (json!("89.005"), "EUR", "/price_amount"),
        (json!("80.5"), "JPY", "/price_amount"),
        (json!("0"), "EUR", "/price_amount"),
        (json!(-1), "EUR", "/price_amount"),
        (json!("1e3"), "EUR", "/price_amount"),
        (json!("99999999999999999999"), "EUR", "/price_amount"),
        (json!(true), "EUR", "/price_amount"),
        (json!("89"), "ABC", "/price_currency"),
        (json!("89"), "XAU", "/price_currency"),
    ] {
        practice.admin.post(ADMIN_PLANS, new(amount, currency)).await.assert_invalid(&[path]);
    }
    given::assert_for_admins(&practice, async |caller| {
        caller.post(ADMIN_PLANS, new(json!("1"), "EUR")).await
    })
    .await;
    assert_eq!(given::value::<i64>(&practice.db, "select count(*) from lessons.plans").await, 5);
}
