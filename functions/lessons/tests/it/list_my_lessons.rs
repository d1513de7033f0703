//! `GET /api/v1/lessons/my`.

use serde_json::json;

use crate::given::{self, in_hours};

const PATH: &str = "/api/v1/lessons/my";

#[tokio::test]
async fn each_sees_their_own_the_first_first() {
    let practice = given::practice().await;
    let package = practice.package(5).await;
    let (late, soon) = (practice.booked(110, &package).await, practice.booked(100, &package).await);
    practice.hold(&practice.slot(130).await, &package).await.assert_status(200);
    for caller in [&practice.student, &practice.teacher, &practice.admin] {
        let page = caller.get(PATH).await.json();
        assert_eq!(page["total"], 2, "a hold is no lesson");
        assert_eq!(
            (&page["items"][0]["booking_id"], &page["items"][1]["booking_id"]),
            (&json!(soon), &json!(late))
        );
        assert_eq!(page["items"][0]["scheduled_start_at"], json!(in_hours(100)));
    }
    let range = format!("{PATH}?from={}&to={}", in_hours(100), in_hours(110));
    assert_eq!(practice.teacher.get(&range).await.json()["total"], 1);
    given::cancel(&practice.student, &soon).await.assert_status(200);
    assert_eq!(practice.student.get(&format!("{PATH}?status=canceled")).await.json()["total"], 1);
    assert_eq!(given::ids(&practice.another_teacher().await, PATH).await, [""; 0]);
    practice.stack.anonymous().get(PATH).await.assert_status(401);
}
