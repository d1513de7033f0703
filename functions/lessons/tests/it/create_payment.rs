//! `POST /api/v1/billing/payments`.

use serde_json::json;

use crate::given::{self, PAYMENTS};

#[tokio::test]
async fn a_student_and_an_admin_note_a_payment_that_moves_nothing() {
    let practice = given::practice().await;
    let package = practice.package(8).await;
    let new = json!({ "package_id": package, "amount": "99.00", "currency": "eur", "external_reference": "inv-17" });
    for caller in [&practice.student, &practice.admin] {
        let made = caller.post(PAYMENTS, new.clone()).await;
        made.assert_status(201);
        let payment = made.json();
        for (name, value) in [
            ("amount", json!("99.00")),
            ("currency", json!("EUR")),
            ("status", json!("pending")),
            ("provider_name", json!("manual")),
            ("external_reference", json!("inv-17")),
            ("paid_at", json!(null)),
            ("refunded_amount", json!("0.00")),
        ] {
            assert_eq!(payment[name], value, "{name}");
        }
    }
    let plain = practice.student.post(PAYMENTS, json!({ "package_id": package, "amount": 5 })).await;
    assert_eq!((plain.str("amount"), plain.str("currency")), ("5.00".to_owned(), "USD".to_owned()));
    assert_eq!(practice.balance(&package).await, (8, 8, 0));
    assert_eq!(practice.events().await[1..], ["billing.payment.created"; 3]);
}

#[tokio::test]
async fn nobody_pays_for_anothers_package_nor_for_one_that_is_over() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    let new = json!({ "package_id": package, "amount": "99.00" });
    for another in [&practice.another_student().await, &practice.teacher] {
        another.post(PAYMENTS, new.clone()).await.assert_error(404, "NOT_FOUND", "Package not found");
    }
    practice.stack.anonymous().post(PAYMENTS, new.clone()).await.assert_status(401);
    for (package, bad) in [(&package, "0"), (&package, "0.001")] {
        let new = json!({ "package_id": package, "amount": bad });
        practice.student.post(PAYMENTS, new).await.assert_invalid(&["/amount"]);
    }
    given::run(&practice.db, "update lessons.packages set expires_at = now()").await;
    practice.student.post(PAYMENTS, new.clone()).await.assert_error(
        422,
        "UNPROCESSABLE",
        "Package is expired",
    );
    given::run(&practice.db, "update lessons.packages set state = 'canceled'").await;
    practice.student.post(PAYMENTS, new).await.assert_error(422, "UNPROCESSABLE", "Package is not active");
    assert_eq!(given::value::<i64>(&practice.db, "select count(*) from lessons.payments").await, 0);
}
