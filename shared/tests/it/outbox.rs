//! Putting messages into the outbox, from a route.

use futures_util::future::join_all;
use local::testkit::Stack;
use serde_json::json;

use crate::probe;

async fn count(stack: &Stack) -> i64 {
    let sql = "select count(*) from platform.outbox where state = 'pending' and topic = 'mail'";
    stack.db().await.query_one(sql, &[]).await.expect("a count").get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_message_also_at_once() {
    let stack = probe().start().await;
    let alice = stack.user();
    let body = json!({ "dedup_key": "verify_email:1" });
    let calls = (0..6).map(|_| alice.post("/outbox/service", body.clone()).into_future());
    for answer in join_all(calls).await {
        answer.assert_status(204);
    }
    assert_eq!(count(&stack).await, 1);
    alice.post("/outbox/service", json!({ "dedup_key": "verify_email:2" })).await.assert_status(204);
    assert_eq!(count(&stack).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_vanishes_with_its_transaction() {
    let stack = probe().start().await;
    let answer = stack.user().post("/outbox/service-that-fails", json!({ "dedup_key": "a" })).await;
    answer.assert_error(409, "CONFLICT", "changed my mind");
    assert_eq!(count(&stack).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_puts_in_nothing_and_a_key_is_no_address() {
    let stack = probe().start().await;
    let alice = stack.user();
    // Mails go out under the product's name: no transaction of a person's own may write one.
    let answer = alice.post("/outbox/request", json!({ "dedup_key": "a" })).await;
    answer.assert_error(500, "INTERNAL_ERROR", "internal server error");
    // An address in a key would end up in file names and logs.
    for key in ["a@example.org", "", "../a", "a b"] {
        let answer = alice.post("/outbox/service", json!({ "dedup_key": key })).await;
        answer.assert_error(500, "INTERNAL_ERROR", "internal server error");
    }
    assert_eq!(count(&stack).await, 0);
    let lines = stack.lines();
    assert!(lines.iter().all(|line| !line.line.contains("swordfish")), "no payload in the log: {lines:?}");
}
