//! `GET /api/v1/billing/payments/students/{student_id}`.

use crate::given::{self, PAYMENTS};

#[tokio::test]
async fn payments_are_listed_the_newest_first_for_their_student_and_for_admins() {
    let practice = given::practice().await;
    let package = practice.package(1).await;
    let first = practice.noted_payment(&package, "1").await;
    let second = practice.noted_payment(&package, "2").await;
    let path = format!("{PAYMENTS}/students/{}", practice.student.id());
    for caller in [&practice.student, &practice.admin] {
        assert_eq!(given::ids(caller, &path).await, [second.clone(), first.clone()]);
    }
    practice.teacher.get(&path).await.assert_error(404, "NOT_FOUND", "user not found");
}
