//! `GET /api/v1/admin/kpi/overview`.

use serde_json::json;

use crate::given;

const KPI: &str = "/api/v1/admin/kpi/overview";

#[tokio::test]
async fn money_is_summed_by_currency_from_its_ledger() {
    let practice = given::practice().await;
    let empty = practice.admin.get(KPI).await.json();
    assert_eq!((&empty["payments_net_amount"], &empty["revenue"]), (&json!("0"), &json!([])));
    assert_eq!(
        (&empty["users_total"], &empty["users_students"], &empty["users_teachers"]),
        (&json!(3), &json!(3), &json!(1))
    );
    let package = practice.package(2).await;
    for (amount, states) in [
        ("100.00", &["succeeded"][..]),
        ("50.00", &["succeeded", "refunded"]),
        ("7.00", &["failed"]),
        ("9.00", &[]),
    ] {
        let payment = practice.noted_payment(&package, amount).await;
        for state in states {
            practice.note(&payment, state).await.assert_status(200);
        }
    }
    practice.booked(100, &package).await;
    let kpi = practice.admin.get(KPI).await;
    kpi.assert_status(200);
    let kpi = kpi.json();
    for (name, value) in [
        ("payments_total", json!(4)),
        ("payments_succeeded", json!(1)),
        ("payments_refunded", json!(1)),
        ("payments_failed", json!(1)),
        ("payments_pending", json!(1)),
        ("payments_succeeded_amount", json!("150.00")),
        ("payments_refunded_amount", json!("50.00")),
        ("payments_net_amount", json!("100.00")),
        ("bookings_total", json!(1)),
        ("bookings_confirmed", json!(1)),
        ("lessons_scheduled", json!(1)),
        ("packages_active", json!(1)),
        ("packages_total", json!(1)),
    ] {
        assert_eq!(kpi[name], value, "{name}");
    }
    // Yen and euros are not added together.
    let yen = json!({ "package_id": package, "amount": 8000, "currency": "JPY" });
    let payment = practice.student.post(given::PAYMENTS, yen).await.str("id");
    practice.note(&payment, "succeeded").await.assert_status(200);
    let kpi = practice.admin.get(KPI).await.json();
    assert_eq!(kpi["payments_net_amount"], json!(null));
    let net: Vec<_> =
        kpi["revenue"].as_array().unwrap().iter().map(|one| (&one["currency"], &one["net_amount"])).collect();
    assert_eq!(net, [(&json!("EUR"), &json!("100.00")), (&json!("JPY"), &json!("8000"))]);
}

#[tokio::test]
async fn who_looks_is_noted_and_only_admins_do() {
    let practice = given::practice().await;
    practice.admin.get(KPI).await.assert_status(200);
    given::assert_for_admins(&practice, async |caller| caller.get(KPI).await).await;
    let noted = practice.admin.get("/api/v1/admin/actions").await.json();
    assert_eq!((&noted["total"], &noted["items"][0]["action"]), (&json!(1), &json!("admin.kpi.view")));
    assert_eq!(
        (&noted["items"][0]["target_type"], &noted["items"][0]["target_id"]),
        (&json!("kpi_overview"), &json!(null))
    );
}
