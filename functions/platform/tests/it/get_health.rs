//! get-health.

use local::testkit::{self, Stack};
use serde_json::json;

#[tokio::test]
async fn anybody_hears_that_the_api_answers() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get("/health").await;
    answer.assert_status(200);
    assert_eq!(answer.json(), json!({ "status": "ok", "app_env": "test" }));
    stack.anonymous().bearer("garbage").get("/health").await.assert_status(200);
}

#[tokio::test]
async fn it_needs_no_database() {
    let mut stack = Stack::builder().own_server().start().await;
    stack.stop_postgres().await;
    stack.anonymous().get("/health").await.assert_status(200);
}

#[tokio::test]
async fn a_request_id_is_echoed() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get("/health").header("X-Request-ID", "abc-1").await;
    assert_eq!(answer.header("x-request-id"), Some("abc-1"));
}
