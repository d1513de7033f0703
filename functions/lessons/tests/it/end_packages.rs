//! The job `end-packages`.

use serde_json::json;

use crate::given;

#[tokio::test]
async fn two_runs_at_once_end_each_once() {
    let practice = given::practice().await;
    for _ in 0..3 {
        practice.package(1).await;
    }
    given::run(&practice.db, "update lessons.packages set expires_at = now()").await;
    let run = || practice.stack.invoke("end-packages", json!({}));
    let (one, two) = tokio::join!(run(), run());
    assert_eq!(one["packages"].as_i64().unwrap() + two["packages"].as_i64().unwrap(), 3, "{one} {two}");
    assert_eq!(run().await, json!({ "packages": 0, "warned": 0 }));
    let told: i64 = given::value(
        &practice.db,
        "select count(*) from lessons.events where event_type = 'billing.package.expired'",
    )
    .await;
    assert_eq!(told, 3);
}
