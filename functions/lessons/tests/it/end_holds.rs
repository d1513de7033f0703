//! The job `end-holds`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn a_late_or_doubled_run_changes_nothing_that_anybody_reads() {
    let practice = given::practice().await;
    let package = practice.package(3).await;
    let mut over = Vec::new();
    for hours in [30, 40] {
        over.push(practice.hold(&practice.slot(hours).await, &package).await.str("id"));
    }
    for held in &over {
        given::lapse(&practice.db, held).await;
    }
    let read = async || {
        let bookings = practice.student.get("/api/v1/booking/my").await.json();
        let statuses = bookings["items"].as_array().unwrap().iter().map(|item| item["status"].clone());
        (statuses.collect::<Vec<_>>(), given::ids(&practice.stack.anonymous(), given::OPEN).await)
    };
    let before = read().await;
    let run = || practice.stack.invoke("end-holds", json!({}));
    let (one, two) = tokio::join!(run(), run());
    assert_eq!(one["holds"].as_i64().unwrap() + two["holds"].as_i64().unwrap(), 2, "{one} {two}");
    assert_eq!(run().await, json!({ "holds": 0 }));
    assert_eq!(read().await, before);
    assert_eq!(practice.balance(&package).await, (3, 3, 0));
    practice.assert_ledgers().await;
}
