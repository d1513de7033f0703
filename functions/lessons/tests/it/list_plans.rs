//! `GET /api/v1/billing/plans`.

use serde_json::json;

use crate::given::{self, PLANS};

#[tokio::test]
async fn what_is_for_sale_is_listed_and_the_rest_for_an_admin() {
    let practice = given::practice().await;
    let large = practice.plan(8, "89.00", "EUR").await;
    let small = practice.plan(4, "49.00", "EUR").await;
    let old = practice.plan(2, "1.00", "EUR").await;
    let off =
        practice.admin.patch(&format!("{}/{old}", given::ADMIN_PLANS), json!({ "is_active": false })).await;
    off.assert_status(200);
    assert_eq!(given::ids(&practice.student, PLANS).await, [small.clone(), large.clone()]);
    assert_eq!(given::ids(&practice.admin, PLANS).await, [small, large, old]);
    practice.stack.anonymous().get(PLANS).await.assert_status(401);
}
