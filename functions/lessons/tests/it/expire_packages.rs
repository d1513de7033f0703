//! `POST /api/v1/billing/packages/expire`.

use serde_json::json;

use crate::given;

const PATH: &str = "/api/v1/billing/packages/expire";

#[tokio::test]
async fn an_admin_ends_what_is_over_and_keeps_what_was_left() {
    let practice = given::practice().await;
    let (over, kept) = (practice.package(3).await, practice.package(3).await);
    given::run(&practice.db, &format!("update lessons.packages set expires_at = now() where id = '{over}'"))
        .await;
    let ended = practice.admin.post(PATH, json!({})).await;
    assert_eq!((ended.status(), ended.json()), (200, json!(1)));
    assert_eq!(practice.admin.post(PATH, json!({})).await.json(), json!(0));
    assert_eq!(practice.balance(&over).await, (3, 3, 0), "what lapsed is shown");
    let state = |id: &str| format!("select state from lessons.packages where id = '{id}'");
    assert_eq!(given::value::<String>(&practice.db, &state(&over)).await, "expired");
    assert_eq!(given::value::<String>(&practice.db, &state(&kept)).await, "active");
    assert_eq!(practice.events().await.last().unwrap(), "billing.package.expired");
    given::assert_for_admins(&practice, async |caller| caller.post(PATH, json!({})).await).await;
}
