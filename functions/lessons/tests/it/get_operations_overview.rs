//! `GET /api/v1/admin/ops/overview`.

use serde_json::json;

use crate::given;

const OPS: &str = "/api/v1/admin/ops/overview";

#[tokio::test]
async fn what_needs_attention_is_counted() {
    let practice = given::practice().await;
    let package = practice.package(9).await;
    let quiet = practice.admin.get(OPS).await.json();
    for (name, value) in quiet.as_object().unwrap() {
        let is_quiet = ["generated_at", "max_retries", "outbox_pending"].contains(&name.as_str());
        assert!(is_quiet || *value == json!(0) || value.is_null(), "{name}: {value}");
    }
    assert_eq!((&quiet["max_retries"], &quiet["outbox_pending"]), (&json!(5), &json!(1)));
    let slot = practice.slot(100).await;
    let held = practice.hold(&slot, &package).await.str("id");
    practice.begun(30, &package).await;
    // Last, because whoever books sweeps what is in the way.
    given::lapse(&practice.db, &held).await;
    given::run(&practice.db, "update lessons.packages set expires_at = now()").await;
    let sql = "update lessons.events set status = 'failed', retries = 3 where event_type = 'billing.package.created'";
    given::run(&practice.db, sql).await;
    let ops = practice.admin.get(&format!("{OPS}?max_retries=3")).await.json();
    for (name, value) in [
        ("stale_booking_holds", 1),
        ("overdue_active_packages", 1),
        ("unfinished_lessons", 1),
        ("outbox_failed_dead_letter", 1),
        ("outbox_failed_retryable", 0),
        ("max_retries", 3),
    ] {
        assert_eq!(ops[name], value, "{name}");
    }
    given::assert_for_admins(&practice, async |caller| caller.get(OPS).await).await;
    practice.admin.get(&format!("{OPS}?max_retries=0")).await.assert_invalid(&["/max_retries"]);
    let noted = practice.admin.get("/api/v1/admin/actions").await.json();
    assert_eq!((&noted["total"], &noted["items"][0]["action"]), (&json!(2), &json!("admin.ops.view")));
    assert_eq!(noted["items"][0]["payload"]["max_retries"], 3);
}
