//! `POST /api/v1/sessions/{session_id}/messages`: the answer, its errors, and what it does to the session.
//!
//! Replays, races, dead senders and the model have modules of their own.

mod at_once;
mod dead_senders;
mod model;
mod replay;

use local::testkit::stack;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    given::{self, REPLY_BY_RULES},
    shape::{assert_keys, assert_needs_token, assert_takes_json, assert_time},
};

const FULL: &str = "昨天会议改期两次，我感到担心，我需要稳定的节奏，你愿意今天一起确认吗?";
const HARSH: &str = "你们总是拖延，根本不专业";

#[tokio::test]
async fn the_answer_holds_the_reply_and_the_feedback() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let answer = given::send(&alice, session, &given::message(FULL)).await;
    answer.assert_status(200);
    let turn = answer.json();
    assert_keys(&turn, &["user_message_id", "assistant_message", "feedback", "turn"]);
    assert_keys(&turn["assistant_message"], &["message_id", "content"]);
    assert_keys(&turn["feedback"], &["overall_score", "risk_level", "ofnr", "next_best_sentence"]);
    let ofnr = &turn["feedback"]["ofnr"];
    assert_keys(ofnr, &["observation", "feeling", "need", "request"]);
    for part in ["observation", "feeling", "need", "request"] {
        assert_keys(&ofnr[part], &["status", "reason", "suggestion"]);
        assert_eq!(ofnr[part]["status"], "GOOD", "{part}");
        assert!(["reason", "suggestion"].iter().all(|text| ofnr[part][text].as_str() > Some("")), "{ofnr}");
    }
    assert_eq!(
        (&turn["feedback"]["overall_score"], &turn["feedback"]["risk_level"]),
        (&json!(100), &json!("LOW"))
    );
    assert_eq!(turn["turn"], 1);
    assert_eq!(turn["assistant_message"]["content"], REPLY_BY_RULES);
    assert_ne!(given::id(&turn["user_message_id"]), given::id(&turn["assistant_message"]["message_id"]));
    let sentence = turn["feedback"]["next_best_sentence"].as_str().unwrap();
    assert!(sentence.starts_with("我观察到") && sentence.matches('。').count() == 1, "{sentence}");

    let harsh = given::say(&alice, session, HARSH).await;
    assert_eq!((&harsh["turn"], &harsh["feedback"]["overall_score"]), (&json!(2), &json!(0)));
    assert_eq!(harsh["feedback"]["risk_level"], "HIGH");
    assert_eq!(harsh["feedback"]["ofnr"]["observation"]["status"], "WEAK");
    assert_eq!(harsh["feedback"]["ofnr"]["need"]["status"], "MISSING");
}

#[tokio::test]
async fn the_last_turn_completes_the_session() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let path = format!("/api/v1/sessions/{session}");
    for turn in 1..=5 {
        let before = alice.get(&path).await.json();
        assert_eq!((&before["state"], &before["ended_at"]), (&json!("ACTIVE"), &Value::Null));
        assert_eq!(given::say(&alice, session, &format!("第{turn}句")).await["turn"], turn);
    }
    let done = alice.get(&path).await.json();
    assert_eq!((&done["state"], &done["current_turn"]), (&json!("COMPLETED"), &json!(5)));
    assert_time(&done["ended_at"]);
    let refused = given::send(&alice, session, &given::message("还有一句")).await;
    refused.assert_error(409, "CONFLICT", "session is completed");
    assert_eq!(alice.get(&path).await.json(), done);
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let path = format!("/api/v1/sessions/{session}/messages");
    alice.post(&path, json!({})).await.assert_invalid(&["/client_message_id", "/content"]);
    let wrong = json!({"client_message_id": "x", "content": ""});
    alice.post(&path, wrong).await.assert_invalid(&["/client_message_id", "/content"]);
    let too_long = "好".repeat(4001);
    for content in [
        json!(null),
        json!(3),
        json!(["a"]),
        json!(" \n"),
        json!("\u{200b}"),
        json!("\u{3164}\u{fe0f}"),
        json!("a\u{0}"),
        json!(too_long),
    ] {
        let body = json!({"client_message_id": Uuid::new_v4(), "content": content});
        alice.post(&path, body).await.assert_invalid(&["/content"]);
    }
    alice.post("/api/v1/sessions/x/messages", json!({})).await.assert_invalid(&["/session_id"]);
    assert_needs_token(&stack, "POST", &path).await;
    assert_takes_json(&alice, &stack, "POST", &path).await;
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.turns").await, 0);
}

#[tokio::test]
async fn content_is_kept_as_it_was_sent_up_to_4000_characters() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let longest = "🙂".repeat(4000);
    given::say(&alice, session, &longest).await;
    given::say(&alice, session, "  \"'; drop table x; --\u{202e} \u{1f}").await;
    let history = alice.get(&format!("/api/v1/sessions/{session}/history")).await.json();
    assert_eq!(history["turns"][0]["user_content"], longest);
    assert_eq!(history["turns"][1]["user_content"], "  \"'; drop table x; --\u{202e} \u{1f}");
}

#[tokio::test]
async fn only_its_owner_speaks_in_a_session() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let session = given::session(&alice).await;
    // Bob has no row yet, and then has one.
    for _ in 0..2 {
        let foreign = given::send(&bob, session, &given::message("你好")).await;
        foreign.assert_error(404, "NOT_FOUND", "session not found");
        given::scene(&bob).await;
    }
    let missing = given::send(&alice, Uuid::new_v4(), &given::message("你好")).await;
    missing.assert_error(404, "NOT_FOUND", "session not found");
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.turns").await, 0);
}

#[tokio::test]
async fn an_english_profile_gets_english_feedback() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    alice.patch("/api/v1/me", json!({"locale": "en-GB"})).await.assert_status(200);
    let turn = given::say(&alice, session, "You always miss the date, this is unprofessional").await;
    assert!(!is_chinese(&turn.to_string()), "{turn}");
    assert_eq!(turn["feedback"]["risk_level"], "HIGH");
    assert!(
        turn["feedback"]["next_best_sentence"].as_str().unwrap().contains("Would you be willing"),
        "{turn}"
    );
    let card = given::summary(&alice, session).await;
    assert!(!is_chinese(&card.to_string()), "{card}");
    assert_eq!(card["risk_triggers"].as_array().map(Vec::len), Some(2), "{card}");
}

fn is_chinese(text: &str) -> bool {
    text.contains(|character| matches!(character, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}'))
}
