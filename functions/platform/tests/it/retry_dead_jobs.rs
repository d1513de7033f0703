//! `POST /api/v1/jobs/dlq/bulk-retry`.

use futures_util::future::join_all;
use local::testkit::{Client, stack};
use serde_json::{Value, json};

use crate::given::{admin, dead, ids};

#[tokio::test]
async fn many_are_tried_again_in_one_go() {
    let stack = stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    for kind in ["test.work", "test.work", "test.other"] {
        dead(&db, &alice, kind).await;
    }
    dead(&db, &bob, "test.work").await;
    let path = "/api/v1/jobs/dlq/bulk-retry";
    let retry = async |who: &Client, body: Value| -> Value {
        let answer = who.post(path, body).await;
        answer.assert_status(200);
        let many = answer.json();
        assert_eq!(
            many["new_job_ids"].as_array().unwrap().len(),
            many["retried_count"].as_u64().unwrap() as usize
        );
        many["retried_count"].clone()
    };
    assert_eq!(retry(&alice, json!({ "error_type": "worker_lost" })).await, 0);
    assert_eq!(retry(&alice, json!({ "failed_after": "2999-01-01T00:00:00Z" })).await, 0);
    let two = join_all((0..2).map(|_| retry(&alice, json!({ "flow_name": "test.work" })))).await;
    assert!(
        two == [json!(2), json!(0)] || two == [json!(0), json!(2)] || two == [json!(1), json!(1)],
        "{two:?}"
    );
    assert_eq!(retry(&alice, json!({})).await, 1);
    assert_eq!(ids(&bob, "?status=pending").await.len(), 1, "another's stay as they are");
    assert_eq!(retry(&admin, json!({})).await, 1);
    alice.post(path, json!([])).await.assert_status(400);
    alice.post(path, json!({ "failed_after": "x" })).await.assert_invalid(&["/failed_after"]);
    stack.anonymous().post(path, json!({})).await.assert_status(401);
}
