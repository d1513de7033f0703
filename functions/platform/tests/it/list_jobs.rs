//! `GET /api/v1/jobs`.

use local::testkit::{Client, stack};
use serde_json::{Value, json};

use crate::given::{admin, job};

#[tokio::test]
async fn everybody_sees_their_own_and_an_admin_all() {
    let stack = stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    let mut ids = Vec::new();
    for state in ["queued", "failed", "succeeded"] {
        ids.push(job(&db, &alice, "test.work", state).await);
    }
    let bobs = job(&db, &bob, "test.other", "queued").await;
    let listed = async |who: &Client, query: &str| -> Vec<Value> {
        let answer = who.get(&format!("/api/v1/jobs{query}")).await;
        answer.assert_status(200);
        answer.json()["items"].as_array().unwrap().iter().map(|job| job["job_id"].clone()).collect()
    };
    assert_eq!(listed(&alice, "").await, [json!(ids[2]), json!(ids[1]), json!(ids[0])], "the newest first");
    assert_eq!(listed(&bob, "").await, [json!(bobs)]);
    assert_eq!(listed(&admin, "").await.len(), 4);
    assert_eq!(listed(&alice, "?state=failed").await, [json!(ids[1])]);
    assert_eq!(listed(&admin, "?kind=test.other").await, [json!(bobs)]);
    let page = alice.get("/api/v1/jobs?limit=2").await.json();
    let next = page["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(listed(&alice, &format!("?limit=2&cursor={next}")).await, [json!(ids[0])]);

    alice.get("/api/v1/jobs?state=lost").await.assert_status(400);
    stack.anonymous().get("/api/v1/jobs").await.assert_status(401);
}
