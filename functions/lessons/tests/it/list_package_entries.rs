//! `GET /api/v1/billing/packages/{package_id}/entries`.

use serde_json::json;

use crate::given::{self, PACKAGES};

#[tokio::test]
async fn every_lesson_is_explained_line_by_line() {
    let practice = given::practice().await;
    let package = practice.package(4).await;
    let booking = practice.booked(100, &package).await;
    given::cancel(&practice.teacher, &booking).await.assert_status(200);
    let (_, lesson) = practice.begun(3, &package).await;
    practice.teacher.post(&format!("/api/v1/lessons/{lesson}/complete"), json!({})).await.assert_status(200);
    let path = format!("{PACKAGES}/{package}/entries");
    let page = practice.student.get(&path).await.json();
    let lines = page["items"].as_array().unwrap();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["grant", "hold", "book", "return", "hold", "book", "use"]);
    assert_eq!((&lines[0]["lessons"], &lines[0]["booking_id"]), (&json!(4), &json!(null)));
    assert_eq!(lines[3]["booking_id"], booking);
    assert!(lines[3]["package_ends"].is_string(), "staff's cancel says until when it can be used");
    assert_eq!(page["total"], 7);
    assert_eq!(practice.balance(&package).await, (4, 3, 0));
    practice.admin.get(&path).await.assert_status(200);
    for nobody in [&practice.teacher, &practice.another_student().await] {
        nobody.get(&path).await.assert_error(404, "NOT_FOUND", "Package not found");
    }
    practice.stack.anonymous().get(&path).await.assert_status(401);
}
