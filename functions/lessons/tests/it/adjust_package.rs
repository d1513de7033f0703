//! `POST /api/v1/admin/packages/{package_id}/adjust`.

use serde_json::json;
use uuid::Uuid;

use crate::given::{self, in_hours};

#[tokio::test]
async fn an_admin_grants_takes_back_extends_and_calls_off_and_each_line_says_why() {
    let practice = given::practice().await;
    let package = practice.package(4).await;
    let path = format!("/api/v1/admin/packages/{package}/adjust");
    let adjust = async |body: serde_json::Value| practice.admin.post(&path, body).await;
    adjust(json!({ "action": "grant", "lessons": 3, "reason": "for patience" })).await.assert_status(200);
    assert_eq!(practice.balance(&package).await, (7, 7, 0));
    practice.booked(100, &package).await;
    let slot = practice.slot(200).await;
    let held = practice.hold(&slot, &package).await.str("id");
    let refused = adjust(json!({ "action": "revoke", "lessons": 6, "reason": "too many" })).await;
    refused.assert_error(422, "UNPROCESSABLE", "No lessons left in package");
    adjust(json!({ "action": "revoke", "lessons": 2, "reason": "too many" })).await.assert_status(200);
    assert_eq!(practice.balance(&package).await, (7, 4, 1));
    let later = in_hours(100 * 24);
    let extended = adjust(json!({ "action": "extend", "expires_at": later, "reason": "ill" })).await;
    assert_eq!(extended.assert_status(200).str("expires_at"), later);
    let refused =
        adjust(json!({ "action": "extend", "expires_at": in_hours(99 * 24), "reason": "ill" })).await;
    refused.assert_error(422, "UNPROCESSABLE", "Package would not last longer");
    let ended = adjust(json!({ "action": "cancel", "reason": "left the school" })).await;
    assert_eq!(ended.assert_status(200).str("status"), "canceled");
    assert_eq!(practice.balance(&package).await, (7, 0, 0), "what is booked takes place");
    given::confirm(&practice.student, &held).await.assert_status(409);
    let refused = adjust(json!({ "action": "grant", "lessons": 1, "reason": "again" })).await;
    refused.assert_error(422, "UNPROCESSABLE", "Package is not active");
    let lines = practice.lines(&package).await;
    assert_eq!(
        lines,
        ["grant", "grant", "hold", "book", "hold", "revoke", "extend", "release", "revoke", "cancel"]
    );
    practice.assert_ledgers().await;
    let noted = "select count(*) from lessons.admin_actions where action = 'package.adjust'";
    assert_eq!(given::value::<i64>(&practice.db, noted).await, 4);
}

#[tokio::test]
async fn an_ended_package_that_is_extended_can_be_used_again() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    given::run(&practice.db, "update lessons.packages set expires_at = now(), state = 'expired'").await;
    let path = format!("/api/v1/admin/packages/{package}/adjust");
    let body = json!({ "action": "extend", "expires_at": in_hours(999), "reason": "ill" });
    assert_eq!(practice.admin.post(&path, body).await.assert_status(200).str("status"), "active");
    practice.booked(100, &package).await;
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let practice = given::practice().await;
    let path = format!("/api/v1/admin/packages/{}/adjust", practice.package(1).await);
    for (body, bad) in [
        (json!({ "action": "grant", "reason": "x" }), "/lessons"),
        (json!({ "action": "grant", "lessons": 1 }), "/reason"),
        (json!({ "action": "cancel", "lessons": 1, "reason": "x" }), "/lessons"),
        (json!({ "action": "extend", "reason": "x" }), "/expires_at"),
        (json!({ "action": "give", "reason": "x" }), "/action"),
    ] {
        practice.admin.post(&path, body).await.assert_invalid(&[bad]);
    }
    let body = json!({ "action": "cancel", "reason": "x" });
    let nowhere = format!("/api/v1/admin/packages/{}/adjust", Uuid::new_v4());
    practice.admin.post(&nowhere, body.clone()).await.assert_error(404, "NOT_FOUND", "Package not found");
    given::assert_for_admins(&practice, async |caller| caller.post(&path, body.clone()).await).await;
}
