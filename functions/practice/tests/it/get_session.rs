//! `GET /api/v1/sessions/{session_id}`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::{given, shape::assert_needs_token};

#[tokio::test]
async fn one_session_reads_like_an_item_of_the_list() {
    let stack = stack().await;
    let alice = stack.user();
    let (session, _) = given::session_with_turn(&alice).await;
    let answer = alice.get(&format!("/api/v1/sessions/{session}")).await;
    answer.assert_status(200);
    assert_eq!(answer.json()["last_user_message"], "我希望今天可以一起确认");
    assert_eq!(json!([answer.json()]), alice.get("/api/v1/sessions").await.json()["items"]);
}

#[tokio::test]
async fn only_its_owner_reads_a_session() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let session = given::session(&alice).await;
    let path = format!("/api/v1/sessions/{session}");
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "session not found");
    let missing = alice.get(&format!("/api/v1/sessions/{}", Uuid::new_v4())).await;
    missing.assert_error(404, "NOT_FOUND", "session not found");
    alice.get(&format!("/api/v1/sessions/{}", session.simple())).await.assert_status(200);
    alice.get("/api/v1/sessions/x").await.assert_invalid(&["/session_id"]);
    assert_needs_token(&stack, "GET", &path).await;
}
