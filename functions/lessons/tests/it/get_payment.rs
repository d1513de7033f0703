//! `GET /api/v1/billing/payments/{payment_id}`.

use crate::given::{self, PAYMENTS};

#[tokio::test]
async fn a_payment_is_its_students_and_an_admins_to_see() {
    let practice = given::practice().await;
    let payment = practice.noted_payment(&practice.package(1).await, "12.50").await;
    let path = format!("{PAYMENTS}/{payment}");
    for caller in [&practice.student, &practice.admin] {
        assert_eq!(caller.get(&path).await.assert_status(200).str("amount"), "12.50");
    }
    for another in [&practice.teacher, &practice.another_student().await] {
        another.get(&path).await.assert_error(404, "NOT_FOUND", "Payment not found");
    }
}
