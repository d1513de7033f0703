//! `POST /api/v1/sessions/{session_id}/summary`.

use futures_util::future::join_all;
use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::{
    given::{self, with},
    shape::{assert_keys, assert_needs_token, assert_time},
};

#[tokio::test]
async fn the_card_comes_from_the_last_feedback() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    given::say(&alice, session, "你们可真行").await;
    given::say(&alice, session, "明天的延期总是让我担心，标准在哪里，这太离谱，我要投诉").await;

    let card = given::summary(&alice, session).await;
    let keys = ["summary_id", "opening_line", "request_line", "fallback_line", "risk_triggers", "created_at"];
    assert_keys(&card, &keys);
    assert_time(&card["created_at"]);
    // The better sentence, divided at its full stop; its question mark becomes an ASCII one.
    let expected = json!({
        "opening_line": "我观察到最近有延期的情况，我有些担心，因为我需要更清晰的标准",
        "request_line": "你愿意明天约 15 分钟对齐下一步吗?",
        "risk_triggers": ["绝对化表达", "人格/能力评判", "威胁性表达"],
    });
    assert_eq!(card, with(card.clone(), expected));
    assert!(!card["fallback_line"].as_str().unwrap().is_empty());

    // A card without the last line shows it blank.
    given::execute(&stack.db().await, "update practice.summaries set fallback_line = null").await;
    assert_eq!(given::summary(&alice, session).await, with(card, json!({"fallback_line": ""})));
}

#[tokio::test]
async fn a_card_is_made_anew_when_there_is_new_feedback() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    given::say(&alice, session, "我很生气").await;
    let early = given::summary(&alice, session).await;
    assert_eq!(given::summary(&alice, session).await, early, "nothing new, the same card");

    given::say(&alice, session, "总是缺资源").await;
    let later = given::summary(&alice, session).await;
    assert_eq!((&later["summary_id"], &later["created_at"]), (&early["summary_id"], &early["created_at"]));
    assert_ne!(later["opening_line"], early["opening_line"]);
    assert!(later["opening_line"].as_str().unwrap().contains("资源"), "{later}");
    assert_eq!((&early["risk_triggers"], &later["risk_triggers"]), (&json!([]), &json!(["绝对化表达"])));
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.summaries").await, 1);

    // Once edited it is the person's own.
    let path = format!("/api/v1/sessions/{session}/summary");
    alice.patch(&path, json!({"opening_line": "我自己的话"})).await.assert_status(200);
    given::say(&alice, session, "第三句").await;
    let edited = given::summary(&alice, session).await;
    assert_eq!(edited, with(later, json!({"opening_line": "我自己的话"})));
}

#[tokio::test]
async fn two_first_calls_at_once_get_the_same_card() {
    let stack = stack().await;
    let alice = stack.user();
    let (session, _) = given::session_with_turn(&alice).await;
    let path = format!("/api/v1/sessions/{session}/summary");
    let answers = join_all((0..6).map(|_| alice.request("POST", &path).into_future())).await;
    for answer in &answers {
        answer.assert_status(200);
        assert_eq!(answer.json(), answers[0].json());
    }
}

#[tokio::test]
async fn a_card_needs_feedback_and_its_owner() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let session = given::session(&alice).await;
    let path = format!("/api/v1/sessions/{session}/summary");
    let early = alice.request("POST", &path).await;
    early.assert_error(409, "CONFLICT", "session has no feedback yet");
    // A message that is still being answered is no feedback.
    let in_flight = format!(
        "insert into practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until)
         values (gen_random_uuid(), '{session}', '{}', 1, gen_random_uuid(), '第一句', now() - interval '1 second')",
        alice.id()
    );
    given::execute(&stack.db().await, &in_flight).await;
    let early = alice.request("POST", &path).await;
    early.assert_error(409, "CONFLICT", "session has no feedback yet");

    given::say(&alice, session, "第二句").await;
    bob.request("POST", &path).await.assert_error(404, "NOT_FOUND", "session not found");
    let missing = alice.request("POST", &format!("/api/v1/sessions/{}/summary", Uuid::new_v4())).await;
    missing.assert_error(404, "NOT_FOUND", "session not found");
    alice.request("POST", "/api/v1/sessions/x/summary").await.assert_invalid(&["/session_id"]);
    assert_needs_token(&stack, "POST", &path).await;
    // A body is ignored, even one that is no JSON.
    alice.request("POST", &path).body("{").await.assert_status(200);
}
