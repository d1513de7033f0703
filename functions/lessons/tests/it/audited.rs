//! What staff do to packages and payments is on record, by whom.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::given::{self, Practice, refund};

/// Actor, action, entity and payload of all acts on packages and payments, the first first.
async fn acts(practice: &Practice) -> Vec<(Option<Uuid>, String, String, Value)> {
    let sql = "select actor_id, action, entity_id, payload from identity.audit_log
               where entity_type in ('package', 'payment') order by occurred_at, action";
    let rows = practice.db.query(sql, &[]).await.expect("acts");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

#[tokio::test]
async fn what_an_admin_does_to_packages_and_money_is_on_record() {
    let practice = given::practice().await;
    let package = practice.package(8).await;
    let adjust = async |action: Value| {
        let path = format!("/api/v1/admin/packages/{package}/adjust");
        practice.admin.post(&path, action).await.assert_status(200);
    };
    adjust(json!({ "action": "grant", "lessons": 1, "reason": "a lesson for free" })).await;
    adjust(json!({ "action": "revoke", "lessons": 2, "reason": "a mistake" })).await;
    adjust(json!({ "action": "extend", "expires_at": given::in_hours(120 * 24), "reason": "ill" })).await;
    let payment = practice.noted_payment(&package, "99.00").await;
    practice.note(&payment, "succeeded").await.assert_status(200);
    refund(&practice.admin, &payment, json!({ "amount": "9.00" }), "one").await.assert_status(200);
    adjust(json!({ "action": "cancel", "reason": "left" })).await;

    let acts = acts(&practice).await;
    let (admin, student) = (Some(practice.admin.id()), practice.student.id());
    let told: Vec<_> = acts.iter().map(|(actor, action, ..)| (*actor, action.as_str())).collect();
    assert_eq!(
        told[..4],
        [
            (admin, "package.granted"),
            (admin, "package.granted"),
            (admin, "package.revoked"),
            (admin, "package.extended"),
        ]
    );
    for (actor, action) in [
        (Some(student), "payment.noted"),
        (admin, "payment.status_changed"),
        (admin, "payment.refund_requested"),
        (admin, "package.canceled"),
    ] {
        assert!(told.contains(&(actor, action)), "{action} in {told:?}");
    }
    for (_, action, entity, payload) in &acts {
        let thing = if action.starts_with("package.") { &package } else { &payment };
        assert_eq!((entity, &payload["user_id"]), (thing, &json!(student)), "{action}");
        assert!(!payload.to_string().contains("mistake"), "no words of anybody's");
    }
}

#[tokio::test]
async fn bookings_and_what_a_provider_tells_are_no_acts_of_staff() {
    let shop = given::shop().await;
    let bought = shop.paid().await;
    shop.practice.booked(100, &bought.package).await;
    assert_eq!(acts(&shop.practice).await, []);
}
