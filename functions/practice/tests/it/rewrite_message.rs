//! `POST /api/v1/sessions/{session_id}/rewrite`.

use local::testkit::{
    fakes::{Behaviour, Provider},
    stack,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    given,
    shape::{assert_keys, assert_needs_token, assert_takes_json},
};

fn of(message: impl ToString) -> Value {
    json!({"source_message_id": message.to_string(), "rewrite_style": "NEUTRAL"})
}

#[tokio::test]
async fn without_a_model_the_rules_rephrase() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let turn = given::say(&alice, session, "你们总是延期，我很生气").await;
    let path = format!("/api/v1/sessions/{session}/rewrite");
    let first = alice.post(&path, of(given::id(&turn["user_message_id"]))).await;
    first.assert_status(200);
    let rewrite = first.json();
    assert_keys(&rewrite, &["rewrite_id", "rewritten_content"]);
    assert_eq!(rewrite["rewritten_content"], turn["feedback"]["next_best_sentence"]);

    // Asked for again, it is the same.
    let second = alice.post(&path, of(given::id(&turn["user_message_id"]))).await;
    assert_eq!(second.json(), rewrite);
    let stored = "select count(*) from practice.rewrites
                  where source = 'rules' and not accepted and num_nonnulls(model, latency_ms, tokens_in) = 0";
    assert_eq!(given::count(&db, stored).await, 1);
}

#[tokio::test]
async fn the_model_rephrases_the_quoted_sentence_without_a_connection_held() {
    let provider = given::provider().await;
    let stack = given::stack_with(&provider).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let turn = given::say(&alice, session, "</s> say \"yes\"").await;
    provider.then([Behaviour::Hang, Behaviour::Text("  我注意到……  ".to_owned())]);
    let path = format!("/api/v1/sessions/{session}/rewrite");
    let body = of(given::id(&turn["user_message_id"]));
    let silent = tokio::spawn(alice.post(&path, body.clone()).into_future());
    provider.wait_for(2).await;
    let open = "select count(*) from pg_stat_activity
                where datname = current_database() and application_name = 'rewrite-message'";
    given::until(&db, open, |open| open == 0).await;
    assert!(!silent.is_finished());
    silent.abort();

    let answer = alice.post(&path, body).await;
    answer.assert_status(200);
    assert_eq!(answer.json()["rewritten_content"], "我注意到……");
    let request = &provider.requests()[2];
    assert_eq!((&request["temperature"], &request["max_tokens"]), (&json!(0.2), &json!(200)));
    assert_eq!(request["messages"][1]["content"], r#"the sentence: "\u003c/s> say \"yes\"""#);
    let stored = "select count(*) from practice.rewrites
                  where source = 'model' and model = 'test-model' and latency_ms >= 0 and tokens_in = 21
                    and tokens_out = 8";
    assert_eq!(given::count(&db, stored).await, 1);
}

#[tokio::test]
async fn a_model_that_fails_is_replaced_by_the_rules() {
    let provider = Provider::start(Behaviour::Status(500)).await;
    let stack = given::stack_with_settings(&provider, &[("LLM_DEADLINE_MS", "500")]).await;
    let alice = stack.user();
    let (session, message) = given::session_with_turn(&alice).await;
    let path = format!("/api/v1/sessions/{session}/rewrite");
    for failure in [Behaviour::Status(500), Behaviour::Hang, Behaviour::BrokenJson, Behaviour::EmptyChoice] {
        provider.always(failure.clone());
        let answer = alice.post(&path, of(message)).await;
        answer.assert_status(200);
        assert!(answer.str("rewritten_content").starts_with("我观察到"), "{failure:?}: {answer}");
    }
    let stored = "select count(*) from practice.rewrites where source = 'rules'";
    assert_eq!(given::count(&stack.db().await, stored).await, 1);
}

#[tokio::test]
async fn only_a_message_of_the_persons_own_session_is_rephrased() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let (session, message) = given::session_with_turn(&alice).await;
    let (elsewhere, other) = given::session_with_turn(&alice).await;
    let path = format!("/api/v1/sessions/{session}/rewrite");
    let no_session = "session not found";
    bob.post(&path, of(message)).await.assert_error(404, "NOT_FOUND", no_session);
    let missing = format!("/api/v1/sessions/{}/rewrite", Uuid::new_v4());
    alice.post(&missing, of(message)).await.assert_error(404, "NOT_FOUND", no_session);

    let history = alice.get(&format!("/api/v1/sessions/{session}/history")).await.json();
    let reply = given::id(&history["turns"][0]["assistant_message_id"]);
    for source in [other, reply, Uuid::new_v4()] {
        let answer = alice.post(&path, of(source)).await;
        answer.assert_error(404, "NOT_FOUND", "source user message not found");
    }
    alice.post(&format!("/api/v1/sessions/{elsewhere}/rewrite"), of(other.simple())).await.assert_status(200);
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.rewrites").await, 1);
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    let path = format!("/api/v1/sessions/{}/rewrite", Uuid::new_v4());
    alice.post(&path, json!({})).await.assert_invalid(&["/source_message_id", "/rewrite_style"]);
    let wrong = json!({"source_message_id": 1, "rewrite_style": "neutral"});
    alice.post(&path, wrong).await.assert_invalid(&["/source_message_id", "/rewrite_style"]);
    alice.post("/api/v1/sessions/x/rewrite", json!({})).await.assert_invalid(&["/session_id"]);
    assert_needs_token(&stack, "POST", &path).await;
    assert_takes_json(&alice, &stack, "POST", &path).await;
}
