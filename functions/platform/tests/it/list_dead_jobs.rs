//! `GET /api/v1/jobs/dlq`.

use local::testkit::stack;
use serde_json::{Value, json};

use crate::given::{admin, dead, ids};

#[tokio::test]
async fn everybody_sees_their_own_and_an_admin_all() {
    let stack = stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    let (first, _) = dead(&db, &alice, "test.work").await;
    let (second, _) = dead(&db, &alice, "test.other").await;
    let (bobs, _) = dead(&db, &bob, "test.work").await;
    assert_eq!(ids(&alice, "").await, [json!(second), json!(first)], "what failed last first");
    assert_eq!(ids(&alice, "?flow_name=test.work").await, [json!(first)]);
    assert_eq!(ids(&alice, "?status=retried").await, [] as [Value; 0]);
    assert_eq!(ids(&alice, "?limit=1").await, [json!(second)]);
    let at = alice.get("/api/v1/jobs/dlq").await.json()[0]["failed_at"].as_str().unwrap().to_owned();
    assert_eq!(ids(&alice, &format!("?failed_before={at}")).await, [json!(first)]);
    assert_eq!(ids(&bob, "").await, [json!(bobs)]);
    assert_eq!(ids(&admin, "").await.len(), 3);
    for wrong in ["?limit=0", "?limit=201", "?status=lost", "?failed_before=x"] {
        alice.get(&format!("/api/v1/jobs/dlq{wrong}")).await.assert_status(400);
    }
    stack.anonymous().get("/api/v1/jobs/dlq").await.assert_status(401);
}
