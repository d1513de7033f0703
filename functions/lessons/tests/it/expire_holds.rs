//! `POST /api/v1/booking/holds/expire`.

use serde_json::json;

use crate::given;

const PATH: &str = "/api/v1/booking/holds/expire";

#[tokio::test]
async fn an_admin_ends_what_is_over_and_hears_how_many() {
    let practice = given::practice().await;
    let package = practice.package(3).await;
    let (over, kept) = (practice.slot(30).await, practice.slot(40).await);
    let held = practice.hold(&over, &package).await.str("id");
    practice.hold(&kept, &package).await.assert_status(200);
    given::lapse(&practice.db, &held).await;
    let ended = practice.admin.post(PATH, json!({})).await;
    assert_eq!((ended.status(), ended.json()), (200, json!(1)));
    let again = practice.admin.post(PATH, json!({})).await;
    assert_eq!((again.status(), again.json()), (200, json!(0)));
    let read = practice.student.get(&format!("/api/v1/booking/{held}")).await;
    assert_eq!(read.str("status"), "expired");
    assert_eq!(practice.balance(&package).await, (3, 3, 1));
    assert_eq!(practice.events().await.last().unwrap(), "booking.hold.expired");
    given::assert_for_admins(&practice, async |caller| caller.post(PATH, json!({})).await).await;
}
