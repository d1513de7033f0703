//! `PATCH /api/v1/sessions/{session_id}/summary`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::{
    given::{self, with},
    shape::{assert_needs_token, assert_takes_json, assert_time},
};

#[tokio::test]
async fn absent_lines_stay_and_the_card_is_marked() {
    let stack = stack().await;
    let alice = stack.user();
    let (session, _) = given::session_with_turn(&alice).await;
    let card = given::summary(&alice, session).await;
    let path = format!("/api/v1/sessions/{session}/summary");

    let answer = alice.patch(&path, json!({"request_line": "可以吗?", "risk_triggers": ["x"]})).await;
    answer.assert_status(200);
    let edited = answer.json();
    assert_time(&edited["updated_at"]);
    assert!(edited["updated_at"].as_str() > card["created_at"].as_str());
    let expected =
        json!({"request_line": "可以吗?", "edited_by_user": true, "updated_at": edited["updated_at"]});
    assert_eq!(edited, with(card, expected));

    let longest = "长".repeat(1000);
    let all = json!({"opening_line": longest, "request_line": longest, "fallback_line": ""});
    let answer = alice.patch(&path, all.clone()).await;
    answer.assert_status(200);
    let updated_at = answer.json()["updated_at"].clone();
    let expected = with(with(edited, all), json!({"updated_at": updated_at}));
    assert_eq!(answer.json(), expected);
    let shown = alice.get(&format!("/api/v1/sessions/{session}/history")).await.json()["summary"].clone();
    assert_eq!(shown["opening_line"], longest);
    assert_eq!(shown["fallback_line"], "");
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    let path = format!("/api/v1/sessions/{}/summary", Uuid::new_v4());
    let lines = ["/opening_line", "/request_line", "/fallback_line"];
    let nulls = json!({"opening_line": null, "request_line": null, "fallback_line": null});
    alice.patch(&path, nulls).await.assert_invalid(&lines);
    let wrong = json!({"opening_line": "", "request_line": " ", "fallback_line": "a\u{0}"});
    alice.patch(&path, wrong).await.assert_invalid(&lines);
    let long = "长".repeat(1001);
    let wrong = json!({"opening_line": long, "request_line": long, "fallback_line": long});
    alice.patch(&path, wrong).await.assert_invalid(&lines);
    alice.patch("/api/v1/sessions/x/summary", json!({})).await.assert_invalid(&["/session_id"]);
    assert_needs_token(&stack, "PATCH", &path).await;
    assert_takes_json(&alice, &stack, "PATCH", &path).await;
}

#[tokio::test]
async fn only_its_owner_edits_a_card_that_is_there() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let (session, _) = given::session_with_turn(&alice).await;
    let path = format!("/api/v1/sessions/{session}/summary");
    let edit = json!({"opening_line": "别人的话"});
    alice.patch(&path, edit.clone()).await.assert_error(404, "NOT_FOUND", "summary not found");
    let card = given::summary(&alice, session).await;
    bob.patch(&path, edit.clone()).await.assert_error(404, "NOT_FOUND", "session not found");
    let missing = format!("/api/v1/sessions/{}/summary", Uuid::new_v4());
    alice.patch(&missing, edit).await.assert_error(404, "NOT_FOUND", "session not found");
    assert_eq!(given::summary(&alice, session).await, card);
}
