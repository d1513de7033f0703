//! `PATCH /api/v1/billing/payments/{payment_id}/status`.

use serde_json::json;
use uuid::Uuid;

use crate::given::{self, PAYMENTS};

#[tokio::test]
async fn a_payment_goes_the_ways_that_exist_and_the_ledger_with_it() {
    let practice = given::practice().await;
    let package = practice.package(8).await;
    let states = ["pending", "succeeded", "failed", "refunded"];
    let ways = [
        ("pending", "succeeded"),
        ("pending", "failed"),
        ("failed", "pending"),
        ("failed", "succeeded"),
        ("succeeded", "refunded"),
    ];
    for from in states {
        for to in states {
            let payment = practice.noted_payment(&package, "99.00").await;
            let steps: &[&str] = match from {
                "pending" => &[],
                "refunded" => &["succeeded", "refunded"],
                _ => &[from],
            };
            for step in steps {
                practice.note(&payment, step).await.assert_status(200);
            }
            let before = practice.ledger(&payment).await;
            let moved = practice.note(&payment, to).await;
            if from == to {
                assert_eq!(moved.assert_status(200).str("status"), to);
                assert_eq!(practice.ledger(&payment).await, before);
            } else if ways.contains(&(from, to)) {
                assert_eq!(moved.assert_status(200).str("status"), to, "{from} -> {to}");
                assert_eq!(moved.json()["paid_at"].is_null(), matches!(to, "pending" | "failed"));
            } else {
                let sentence = format!("Invalid payment status transition: {from} -> {to}");
                moved.assert_error(422, "UNPROCESSABLE", &sentence);
            }
            let wanted: &[i64] =
                match practice.student.get(&format!("{PAYMENTS}/{payment}")).await.str("status").as_str() {
                    "succeeded" => &[9900],
                    "refunded" => &[9900, -9900],
                    _ => &[],
                };
            assert_eq!(practice.ledger(&payment).await, wanted, "{from} -> {to}");
        }
    }
    assert_eq!(
        practice.balance(&package).await,
        (8, 8, 0),
        "a payment that is noted beside a package moves no lesson"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_enter_the_money_once() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    for _ in 0..10 {
        let payment = practice.noted_payment(&package, "1.00").await;
        let calls = (0..4).map(|_| practice.note(&payment, "succeeded")).collect();
        assert_eq!(given::at_once(calls).await, [200; 4]);
        let calls = (0..4).map(|_| practice.note(&payment, "refunded")).collect();
        assert_eq!(given::at_once(calls).await, [200; 4]);
        assert_eq!(practice.ledger(&payment).await, [100, -100]);
    }
}

#[tokio::test]
async fn only_an_admin_says_that_money_came() {
    let practice = given::practice().await;
    let payment = practice.noted_payment(&practice.package(1).await, "1.00").await;
    let path = format!("{PAYMENTS}/{payment}/status");
    given::assert_for_admins(&practice, async |caller| {
        caller.patch(&path, json!({ "status": "succeeded" })).await
    })
    .await;
    practice.admin.patch(&path, json!({ "status": "expired" })).await.assert_invalid(&["/status"]);
    let nowhere = format!("{PAYMENTS}/{}/status", Uuid::new_v4());
    let refused = practice.admin.patch(&nowhere, json!({ "status": "failed" })).await;
    refused.assert_error(404, "NOT_FOUND", "Payment not found");
    assert_eq!(practice.ledger(&payment).await, [0_i64; 0]);
}
