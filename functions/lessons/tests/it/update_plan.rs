//! `PATCH /api/v1/admin/plans/{plan_id}`.

use serde_json::json;
use uuid::Uuid;

use crate::given::{self, ADMIN_PLANS};

#[tokio::test]
async fn a_price_changes_with_its_currency_or_not_at_all() {
    let practice = given::practice().await;
    let path = format!("{ADMIN_PLANS}/{}", practice.plan(8, "89.00", "EUR").await);
    let changed =
        practice.admin.patch(&path, json!({ "price_amount": "9000", "price_currency": "JPY" })).await;
    changed.assert_status(200);
    let plan = changed.json();
    assert_eq!((&plan["price_amount"], &plan["price_currency"]), (&json!("9000"), &json!("JPY")));
    assert_eq!(plan["lessons_total"], json!(8));
    practice.admin.patch(&path, json!({ "price_amount": "1" })).await.assert_invalid(&["/price_currency"]);
    practice.admin.patch(&path, json!({ "price_currency": "EUR" })).await.assert_invalid(&["/price_amount"]);
    practice.admin.patch(&path, json!({})).await.assert_status(200);
    let nowhere = format!("{ADMIN_PLANS}/{}", Uuid::new_v4());
    practice.admin.patch(&nowhere, json!({})).await.assert_error(404, "NOT_FOUND", "Plan not found");
    given::assert_for_admins(&practice, async |caller| caller.patch(&path, json!({})).await).await;
}
