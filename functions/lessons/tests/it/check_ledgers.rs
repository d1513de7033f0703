//! The job `check-ledgers`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn a_counter_that_is_not_what_its_ledger_says_is_found_and_shown() {
    let practice = given::practice().await;
    let package = practice.package(9).await;
    practice.booked(100, &package).await;
    let payment = practice.noted_payment(&package, "10").await;
    practice.note(&payment, "succeeded").await.assert_status(200);
    practice.note(&payment, "refunded").await.assert_status(200);
    let found = practice.stack.invoke("check-ledgers", json!({})).await;
    assert_eq!((&found["packages_wrong"], &found["payments_wrong"]), (&json!(0), &json!(0)));
    given::run(&practice.db, "update lessons.packages set granted = granted + 1").await;
    given::run(&practice.db, "update lessons.payments set refunded_minor = 999").await;
    let found = practice.stack.invoke("check-ledgers", json!({})).await;
    assert_eq!((&found["packages_wrong"], &found["payments_wrong"]), (&json!(1), &json!(1)));
    let ops = practice.admin.get("/api/v1/admin/ops/overview").await.json();
    assert_eq!((&ops["ledger_mismatches"], &ops["ledgers_checked_at"]), (&json!(2), &found["checked_at"]));
}
