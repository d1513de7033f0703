//! `POST /api/v1/billing/packages`.

use serde_json::json;
use uuid::Uuid;

use crate::given::{self, PACKAGES, in_hours};

#[tokio::test]
async fn an_admin_gives_lessons_and_the_first_line_says_so() {
    let practice = given::practice().await;
    let new = json!({ "student_id": practice.student.id(), "lessons_total": 8, "expires_at": "2099-06-01T00:00:00Z" });
    let made = practice.admin.post(PACKAGES, new).await;
    made.assert_status(201);
    let package = made.json();
    assert_eq!((&package["lessons_total"], &package["lessons_left"]), (&json!(8), &json!(8)));
    assert_eq!(
        (&package["status"], &package["expires_at"]),
        (&json!("active"), &json!("2099-06-01T00:00:00Z"))
    );
    assert_eq!(practice.lines(&made.str("id")).await, ["grant"]);
    assert_eq!(practice.events().await, ["billing.package.created"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let practice = given::practice().await;
    let new = |student: Uuid, ends| json!({ "student_id": student, "lessons_total": 1, "expires_at": ends });
    let refused = practice.admin.post(PACKAGES, new(practice.student.id(), in_hours(0))).await;
    refused.assert_error(422, "UNPROCESSABLE", "Package expiration must be in the future");
    let refused = practice.admin.post(PACKAGES, new(Uuid::new_v4(), in_hours(9))).await;
    refused.assert_error(404, "NOT_FOUND", "user not found");
    let bad = json!({ "student_id": "x", "lessons_total": 0, "expires_at": 7 });
    practice.admin.post(PACKAGES, bad).await.assert_invalid(&[
        "/expires_at",
        "/lessons_total",
        "/student_id",
    ]);
    let large = json!({ "student_id": practice.student.id(), "lessons_total": 2_147_483_648_i64, "expires_at": in_hours(9) });
    practice.admin.post(PACKAGES, large).await.assert_invalid(&["/lessons_total"]);
    let new = new(practice.student.id(), in_hours(9));
    given::assert_for_admins(&practice, async |caller| caller.post(PACKAGES, new.clone()).await).await;
    assert_eq!(given::value::<i64>(&practice.db, "select count(*) from lessons.packages").await, 0);
}
