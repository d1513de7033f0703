//! `GET /api/v1/booking/my`.

use serde_json::json;

use crate::given::{self, cancel, hold, in_hours};

const PATH: &str = "/api/v1/booking/my";

#[tokio::test]
async fn each_sees_their_own_and_an_admin_everybodys_the_newest_first() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let first = practice.booked(100, &package).await;
    let second = practice.booked(110, &package).await;
    cancel(&practice.student, &first).await.assert_status(200);
    let (other, teacher) = (practice.another_student().await, practice.another_teacher().await);
    let slot = practice.slot_of(&teacher, in_hours(100), in_hours(101)).await;
    let theirs = practice.package_of(&other, 1).await;
    let third = hold(&other, &slot, &theirs).await.str("id");

    assert_eq!(given::ids(&practice.student, PATH).await, [second.clone(), first.clone()]);
    assert_eq!(given::ids(&practice.teacher, PATH).await, [second.clone(), first.clone()]);
    assert_eq!(given::ids(&teacher, PATH).await, std::slice::from_ref(&third));
    assert_eq!(given::ids(&practice.admin, PATH).await, [third.clone(), second.clone(), first.clone()]);
    assert_eq!(given::ids(&practice.student, &format!("{PATH}?status=canceled")).await, [first]);
    assert_eq!(given::ids(&practice.student, &format!("{PATH}?from={}", in_hours(105))).await, [second]);
    let page = practice.admin.get(&format!("{PATH}?limit=1&offset=2")).await.json();
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(3), 1));
    assert_eq!(given::ids(&practice.stack.user(), PATH).await, [""; 0]);
    practice.stack.anonymous().get(PATH).await.assert_status(401);
    practice.student.get(&format!("{PATH}?status=over")).await.assert_invalid(&["/status"]);

    given::lapse(&practice.db, &third).await;
    assert_eq!(given::ids(&other, &format!("{PATH}?status=expired")).await, [third]);
}
