//! `POST /api/v1/sessions/{session_id}/messages/stream`.

use local::testkit::{
    Client, Stack,
    fakes::{Behaviour, Provider, Step},
    stack,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::given;

/// A stream that is being read.
struct Reader {
    response: reqwest::Response,
    text: String,
}

impl Reader {
    /// The next event: its name and its data. None at the end.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let lines = block.lines();
                    lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).next()
                };
                if let (Some(name), Some(data)) = (field("event"), field("data")) {
                    return Some((name.to_owned(), serde_json::from_str(data).expect("a line of JSON")));
                }
                continue;
            }
            let chunk = self.response.chunk().await.expect("a stream that does not break off")?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    async fn rest(mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

async fn stream(user: &Client, session: Uuid, message: &Value) -> Reader {
    let path = format!("/api/v1/sessions/{session}/messages/stream");
    let response = user.post(&path, message.clone()).send().await;
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store, no-transform");
    assert_eq!(header("access-control-allow-origin"), "*");
    assert!(header("access-control-expose-headers").contains("Retry-After"));
    Reader { response, text: String::new() }
}

fn named(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

fn said(events: &[(String, Value)]) -> String {
    events
        .iter()
        .filter(|(name, _)| name == "delta")
        .map(|(_, data)| data["text"].as_str().expect("words"))
        .collect()
}

async fn with(steps: Vec<Step>) -> (Provider, Stack) {
    let provider = Provider::start(Behaviour::Steps(steps)).await;
    let stack = given::stack_with(&provider).await;
    (provider, stack)
}

fn say(words: &str) -> Step {
    Step::Say(words.to_owned())
}

#[tokio::test]
async fn the_first_words_are_here_while_the_provider_holds_the_second() {
    let (provider, stack) = with(vec![say("I hear "), Step::Hold, say("you.")]).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let mut reader = stream(&alice, session, &message).await;
    assert_eq!(reader.next().await.unwrap(), ("delta".to_owned(), json!({ "text": "I hear " })));
    // No connection to the database is held while the model speaks.
    let held = "select count(*) from pg_stat_activity
                where datname = current_database() and usename like 'praxis%' and pid <> pg_backend_pid()
                  and application_name like '%stream-message%'";
    assert_eq!(given::count(&stack.db().await, held).await, 0);
    provider.go_on();
    let events = reader.rest().await;
    assert_eq!(named(&events), ["delta", "feedback", "done"]);
    let done = &events[2].1;
    assert_eq!(done["assistant_message"]["content"], "I hear you.");
    assert_eq!((&done["feedback"], &done["turn"]), (&events[1].1, &json!(1)));
    // The same message, whole and as a stream: the same turn, once.
    let whole = given::send(&alice, session, &message).await;
    assert_eq!(whole.json(), *done);
    let again = stream(&alice, session, &message).await.rest().await;
    assert_eq!((said(&again), &again[2].1), ("I hear you.".to_owned(), done));
    assert_eq!(
        (provider.count(), given::count(&stack.db().await, "select count(*) from practice.turns").await),
        (1, 1)
    );
    let source = "select count(*) from practice.turns where source = 'model' and tokens_out = 8";
    assert_eq!(given::count(&stack.db().await, source).await, 1);
}

#[tokio::test]
async fn who_leaves_finds_the_turn_whole() {
    let (provider, stack) = with(vec![say("I hear "), Step::Hold, say("you.")]).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let mut reader = stream(&alice, session, &message).await;
    reader.next().await.unwrap();
    drop(reader);
    provider.go_on();
    let whole = given::send(&alice, session, &message).await;
    assert_eq!(whole.json()["assistant_message"]["content"], "I hear you.");
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn a_model_that_breaks_off_leaves_the_word_to_the_rules() {
    for fault in [Step::Error, Step::Break] {
        let (provider, stack) = with(vec![say("I hear "), Step::Hold, fault]).await;
        let alice = stack.user();
        let session = given::session(&alice).await;
        let message = given::message("Could we agree a date?");
        let mut reader = stream(&alice, session, &message).await;
        let mut events = vec![reader.next().await.unwrap()];
        provider.go_on();
        events.extend(reader.rest().await);
        assert_eq!(named(&events), ["delta", "anew", "delta", "feedback", "done"]);
        let reply = &events[4].1["assistant_message"]["content"];
        assert_eq!(events[2].1["text"], *reply);
        assert_ne!(reply, "I hear ");
        let source =
            "select count(*) from practice.turns where source = 'rules' and completed_at is not null";
        assert_eq!(given::count(&stack.db().await, source).await, 1);
    }
}

#[tokio::test]
async fn without_a_model_the_rules_speak_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let events = stream(&alice, session, &given::message("Could we agree a date?")).await.rest().await;
    assert_eq!(named(&events), ["delta", "feedback", "done"]);
    assert_eq!(events[0].1["text"], events[2].1["assistant_message"]["content"]);
}

#[tokio::test]
async fn silence_is_broken_by_comments() {
    let provider = Provider::start(Behaviour::Steps(vec![say("I hear "), Step::Hold, say("you.")])).await;
    let stack = given::stack_with_settings(&provider, &[("STREAM_SILENCE_MS", "20")]).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let mut reader = stream(&alice, session, &given::message("Could we agree a date?")).await;
    reader.next().await.unwrap();
    while reader.text.matches(": still here\n\n").count() < 3 {
        let chunk = reader.response.chunk().await.unwrap().expect("a comment");
        reader.text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    provider.go_on();
    assert_eq!(named(&reader.rest().await), ["delta", "feedback", "done"]);
}

#[tokio::test]
async fn what_is_wrong_before_the_first_word_is_an_ordinary_answer() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let session = given::session(&alice).await;
    let path = format!("/api/v1/sessions/{session}/messages/stream");
    let message = given::message("Could we agree a date?");
    bob.post(&path, message.clone()).await.assert_error(404, "NOT_FOUND", "session not found");
    stack.anonymous().post(&path, message.clone()).await.assert_status(401);
    alice.post(&path, json!({})).await.assert_invalid(&["/client_message_id", "/content"]);
    stream(&alice, session, &message).await.rest().await;
    let mut other = given::message("Something else.");
    other["client_message_id"] = message["client_message_id"].clone();
    alice.post(&path, other).await.assert_error(409, "CONFLICT", "duplicate client message id");
}

#[tokio::test]
async fn one_message_streamed_by_many_is_one_turn_and_one_call() {
    let provider = Provider::start(Behaviour::Text("I hear you.".to_owned())).await;
    let stack = given::stack_with(&provider).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let readers = (0..6).map(|_| async { stream(&alice, session, &message).await.rest().await });
    let all = futures_util::future::join_all(readers).await;
    for events in &all {
        assert_eq!(said(events), "I hear you.");
        assert_eq!(events.last(), all[0].last());
    }
    assert_eq!(provider.count(), 1);
}
