//! `POST /api/v1/sessions/{session_id}/abandon`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::{
    given::{self, with},
    shape::{assert_needs_token, assert_time},
};

#[tokio::test]
async fn an_abandoned_session_takes_no_more_messages_and_keeps_what_was_said() {
    let stack = stack().await;
    let alice = stack.user();
    let (session, message) = given::session_with_turn(&alice).await;
    let path = format!("/api/v1/sessions/{session}");
    let before = alice.get(&path).await.json();

    let abandoned = alice.request("POST", &format!("{path}/abandon")).await;
    abandoned.assert_status(200);
    let ended_at = abandoned.json()["ended_at"].clone();
    assert_time(&ended_at);
    assert_eq!(abandoned.json(), with(before, json!({"state": "ABANDONED", "ended_at": ended_at})));
    let refused = given::send(&alice, session, &given::message("还在吗")).await;
    refused.assert_error(409, "CONFLICT", "session is abandoned");

    // Twice is once, with the first time.
    let again = alice.request("POST", &format!("{path}/abandon")).await;
    again.assert_status(200);
    assert_eq!(again.json(), abandoned.json());

    // Everything but messages goes on.
    given::summary(&alice, session).await;
    given::reflection(&alice, session, false, None).await;
    let rewrite = json!({"source_message_id": message, "rewrite_style": "NEUTRAL"});
    alice.post(&format!("{path}/rewrite"), rewrite).await.assert_status(200);
    assert_eq!(alice.get(&format!("{path}/history")).await.json()["turns"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_completed_session_cannot_be_abandoned() {
    let stack = stack().await;
    let alice = stack.user();
    let path = format!("/api/v1/sessions/{}", given::completed_session(&alice).await);
    let before = alice.get(&path).await.json();
    let refused = alice.request("POST", &format!("{path}/abandon")).await;
    refused.assert_error(409, "CONFLICT", "session is completed");
    assert_eq!(alice.get(&path).await.json(), before);
}

#[tokio::test]
async fn only_its_owner_abandons_a_session() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let path = format!("/api/v1/sessions/{}", given::session(&alice).await);
    let abandon = format!("{path}/abandon");
    bob.request("POST", &abandon).await.assert_error(404, "NOT_FOUND", "session not found");
    assert_eq!(alice.get(&path).await.json()["state"], "ACTIVE");
    let missing = alice.request("POST", &format!("/api/v1/sessions/{}/abandon", Uuid::new_v4())).await;
    missing.assert_error(404, "NOT_FOUND", "session not found");
    alice.request("POST", "/api/v1/sessions/x/abandon").await.assert_invalid(&["/session_id"]);
    assert_needs_token(&stack, "POST", &abandon).await;
}
