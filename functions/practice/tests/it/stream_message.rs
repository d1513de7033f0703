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
    /// The id of the last event that had one.
    last_id: Option<String>,
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
                if let Some(id) = field("id") {
                    self.last_id = Some(id.to_owned());
                }
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
    stream_after(user, session, message, "").await
}

/// What is missing after an event.
async fn stream_after(user: &Client, session: Uuid, message: &Value, last_id: &str) -> Reader {
    let path = format!("/api/v1/sessions/{session}/messages/stream?last_event_id={last_id}");
    reader(user.post(&path, message.clone()).send().await)
}

/// What is missing after an event of a run, for an `EventSource`.
async fn follow(user: &Client, run: &str, last_id: &str) -> Reader {
    let path = format!("/api/v1/runs/{run}/events");
    reader(user.get(&path).header("last-event-id", last_id).send().await)
}

fn reader(response: reqwest::Response) -> Reader {
    assert_eq!(response.status(), 200);
    let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store, no-transform");
    assert_eq!(header("access-control-allow-origin"), "*");
    assert!(header("access-control-expose-headers").contains("Retry-After"));
    Reader { response, text: String::new(), last_id: None }
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
    let (name, start) = reader.next().await.unwrap();
    assert_eq!(name, "start");
    assert_eq!(reader.next().await.unwrap(), ("delta".to_owned(), json!({ "text": "I hear " })));
    // No connection to the database is held while the model speaks.
    let held = "select count(*) from pg_stat_activity
                where datname = current_database() and usename like 'praxis%' and pid <> pg_backend_pid()
                  and application_name like '%stream-message%'";
    assert_eq!(given::count(&stack.db().await, held).await, 0);
    provider.go_on();
    let events = reader.rest().await;
    assert_eq!(named(&events), ["delta", "feedback", "done"]);
    let mut done = events[2].1.clone();
    assert_eq!(done.as_object_mut().unwrap().remove("finish"), Some(json!("stop")));
    assert_eq!(done["assistant_message"]["content"], "I hear you.");
    assert_eq!(done["user_message_id"], start["user_message_id"]);
    assert_eq!((&done["feedback"], &done["turn"]), (&events[1].1, &json!(1)));
    // The same message, whole and as a stream: the same turn, once.
    let whole = given::send(&alice, session, &message).await;
    assert_eq!(whole.json(), done);
    let again = stream(&alice, session, &message).await.rest().await;
    assert_eq!((said(&again), &again[2].1), ("I hear you.".to_owned(), &events[2].1));
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
    reader.next().await.unwrap();
    drop(reader);
    provider.go_on();
    let whole = given::send(&alice, session, &message).await;
    assert_eq!(whole.json()["assistant_message"]["content"], "I hear you.");
    assert_eq!(provider.count(), 1);
}

#[tokio::test]
async fn a_models_reasoning_is_neither_shown_nor_kept() {
    let (_provider, stack) =
        with(vec![say("<thi"), say("nk>secret</th"), say("ink>\nI hear "), say("you.")]).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let events = stream(&alice, session, &message).await.rest().await;
    assert_eq!(said(&events), "I hear you.");
    assert_eq!(
        given::send(&alice, session, &message).await.json()["assistant_message"]["content"],
        "I hear you."
    );
    let kept = "select count(*) from practice.turns where turns::text like '%secret%'";
    assert_eq!(given::count(&stack.db().await, kept).await, 0);
}

#[tokio::test]
async fn what_a_provider_refuses_is_left_out_from_then_on() {
    let (provider, stack) = with(vec![say("I hear you.")]).await;
    let error =
        json!({ "detail": [{ "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted" }] });
    provider.then([Behaviour::Refusal(422, error)]);
    let alice = stack.user();
    let session = given::session(&alice).await;
    for words in ["Could we agree a date?", "Or a week?"] {
        let events = stream(&alice, session, &given::message(words)).await.rest().await;
        assert_eq!(
            (said(&events), named(&events)),
            ("I hear you.".to_owned(), vec!["start", "delta", "feedback", "done"])
        );
    }
    let has_options: Vec<bool> =
        provider.requests().iter().map(|request| request.get("stream_options").is_some()).collect();
    assert_eq!(has_options, [true, false, false]);
}

#[tokio::test]
async fn a_model_that_breaks_off_leaves_the_word_to_the_rules() {
    for fault in [Step::Error, Step::Break] {
        let (provider, stack) = with(vec![say("I hear "), Step::Hold, fault]).await;
        let alice = stack.user();
        let session = given::session(&alice).await;
        let message = given::message("Could we agree a date?");
        let mut reader = stream(&alice, session, &message).await;
        reader.next().await.unwrap();
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

#[tokio::test]
async fn who_comes_back_gets_what_is_missing_and_nothing_twice() {
    let (provider, stack) = with(vec![say("I "), Step::Hold, say("hear "), Step::Hold, say("you.")]).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let mut first = stream(&alice, session, &message).await;
    let mut all = vec![first.next().await.unwrap(), first.next().await.unwrap()];
    let last = first.last_id.clone().expect("an id");
    let run = all[0].1["run_id"].as_str().unwrap().to_owned();
    drop(first);

    // Several at once, by the same message and by the run, in other sandboxes; the third has nothing yet.
    let (mut again, follower) =
        (stream_after(&alice, session, &message, &last).await, follow(&alice, &run, &last).await);
    let fresh = follow(&alice, &run, "").await;
    provider.go_on();
    all.push(again.next().await.unwrap());
    assert_eq!(all[2], ("delta".to_owned(), json!({ "text": "hear " })));
    let middle = again.last_id.clone().unwrap();
    // No connection is held while there is nothing to read.
    let held = "select count(*) from pg_stat_activity
                where datname = current_database() and usename like 'praxis%' and xact_start < now() - interval '1 second'";
    assert_eq!(given::count(&stack.db().await, held).await, 0);
    provider.go_on();
    let rest = again.rest().await;
    all.extend(rest.clone());
    assert_eq!(named(&all), ["start", "delta", "delta", "delta", "feedback", "done"]);
    assert_eq!(said(&all), "I hear you.");
    assert_eq!(follower.rest().await, all[2..]);
    assert_eq!(fresh.rest().await, all);

    // Also when all is over, as often as one likes.
    for _ in 0..2 {
        assert_eq!(stream_after(&alice, session, &message, &middle).await.rest().await, rest);
        assert_eq!(follow(&alice, &run, &middle).await.rest().await, rest);
        assert_eq!(follow(&alice, &run, "").await.rest().await, all);
    }
    assert_eq!(provider.count(), 1);
    // A run that is kept no more is told whole, to a reader who forgets what they had.
    stack.db().await.batch_execute("delete from platform.runs").await.unwrap();
    let whole = stream_after(&alice, session, &message, &middle).await.rest().await;
    assert_eq!(named(&whole), ["anew", "delta", "feedback", "done"]);
    assert_eq!((said(&whole), whole.last()), ("I hear you.".to_owned(), all.last()));
}

#[tokio::test]
async fn a_stop_ends_the_answer_where_it_is() {
    let (provider, stack) = with(vec![say("I hear "), Step::Hold, say("you.")]).await;
    let (alice, bob) = (stack.user(), stack.user());
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let mut reader = stream(&alice, session, &message).await;
    let (_, start) = reader.next().await.unwrap();
    reader.next().await.unwrap();
    let stop = format!("/api/v1/runs/{}/stop", start["run_id"].as_str().unwrap());
    bob.post(&stop, json!({})).await.assert_error(404, "NOT_FOUND", "run not found");
    let asked = alice.post(&stop, json!({})).await;
    assert_eq!((asked.status(), &asked.json()["state"]), (200, &json!("writing")));
    let events = reader.rest().await;
    assert_eq!(named(&events), ["feedback", "done"]);
    assert_eq!(events[1].1["finish"], "stopped");
    assert_eq!(events[1].1["assistant_message"]["content"], "I hear ");
    assert_eq!(alice.post(&stop, json!({})).await.json()["state"], "stopped");
    let whole = given::send(&alice, session, &message).await;
    assert_eq!(whole.json()["assistant_message"], events[1].1["assistant_message"]);
    let source =
        "select count(*) from practice.turns where source = 'model' and assistant_content = 'I hear '";
    assert_eq!(given::count(&stack.db().await, source).await, 1);
    drop(provider);
}

#[tokio::test]
async fn a_stop_before_the_first_word_leaves_it_to_the_rules() {
    let (_provider, stack) = with(vec![Step::Hold, say("I hear you.")]).await;
    let alice = stack.user();
    let session = given::session(&alice).await;
    let mut reader = stream(&alice, session, &given::message("Could we agree a date?")).await;
    let (_, start) = reader.next().await.unwrap();
    let stop = format!("/api/v1/runs/{}/stop", start["run_id"].as_str().unwrap());
    alice.post(&stop, json!({})).await.assert_status(200);
    let events = reader.rest().await;
    assert_eq!(named(&events), ["delta", "feedback", "done"]);
    assert_eq!((&events[2].1["finish"], said(&events)), (&json!("stopped"), text(&events[2].1)));
    let source = "select count(*) from practice.turns where source = 'rules' and completed_at is not null";
    assert_eq!(given::count(&stack.db().await, source).await, 1);
    // The provider may want its money for it, and nobody knows how it is.
    let settled = "select count(*) from platform.model_calls where outcome = 'stopped' and cost_micros = reserved_micros";
    assert_eq!(given::count(&stack.db().await, settled).await, 1);
    assert_eq!(given::count(&stack.db().await, "select count(*) from platform.circuit_breakers").await, 0);
}

fn text(done: &Value) -> String {
    done["assistant_message"]["content"].as_str().expect("words").to_owned()
}

#[tokio::test]
async fn a_run_whose_writer_is_killed_is_taken_over_by_the_same_message() {
    let (provider, stack) = with(vec![say("I hear "), Step::Hold, say("you.")]).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let mut first = stream(&alice, session, &message).await;
    let (_, start) = first.next().await.unwrap();
    first.next().await.unwrap();
    let (last, run) = (first.last_id.clone().unwrap(), start["run_id"].as_str().unwrap().to_owned());
    let kept = "select count(*) from platform.run_events where 'delta' = any (names)";
    while given::count(&db, kept).await == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stack.lambda().crash("stream-message");
    // Whoever only follows waits until its claim has run out, and then knows that it broke off.
    let follower = follow(&alice, &run, &last).await;
    db.batch_execute(
        "update platform.runs set claimed_until = now(); update practice.turns set claimed_until = now()",
    )
    .await
    .unwrap();
    let events = follower.rest().await;
    assert_eq!((named(&events), &events[0].1["error_code"]), (vec!["error"], &json!("UNAVAILABLE")));
    let state = "select count(*) from platform.runs where state = 'partial'";
    assert_eq!(given::count(&db, state).await, 1);

    // The same message again, three at once: one of them takes it over, and no words of the dead one stay.
    let readers = (0..3).map(|_| async { stream_after(&alice, session, &message, &last).await.rest().await });
    let (all, ()) = tokio::join!(futures_util::future::join_all(readers), async {
        while provider.count() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        provider.go_on();
    });
    for events in &all {
        let void = events.iter().rposition(|(name, _)| name == "anew").expect("what was read is void");
        assert_eq!(said(&events[void..]), "I hear you.");
        assert_eq!(named(&events[void..]), ["anew", "start", "delta", "delta", "feedback", "done"]);
        assert_eq!(events.last(), all[0].last());
    }
    assert_eq!(provider.count(), 2);
    assert_eq!(given::count(&db, "select count(*) from practice.turns").await, 1);
    assert_eq!(given::count(&db, "select count(*) from platform.run_events where attempt = 1").await, 0);
}

#[tokio::test]
async fn a_writer_that_was_frozen_beyond_its_claim_writes_nothing_more() {
    let (provider, stack) = with(vec![say("I hear "), Step::Hold, say("you.")]).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("Could we agree a date?");
    let mut frozen = stream(&alice, session, &message).await;
    frozen.next().await.unwrap();
    frozen.next().await.unwrap();
    // As if it had been frozen: its claims are over, and somebody else takes the turn.
    db.batch_execute(
        "update platform.runs set claimed_until = now(); update practice.turns set claimed_until = now()",
    )
    .await
    .unwrap();
    let other = stream(&alice, session, &message).await;
    let (events, rest) = tokio::join!(other.rest(), async {
        while provider.count() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        provider.go_on();
        provider.go_on();
        frozen.rest().await
    });
    // Both readers have the one answer that is stored.
    assert_eq!(events.last(), rest.last());
    let void = rest.iter().rposition(|(name, _)| name == "anew").expect("what was read is void");
    assert_eq!(said(&rest[void..]), "I hear you.");
    assert_eq!(
        given::count(&db, "select count(*) from practice.turns where completed_at is not null").await,
        1
    );
}
