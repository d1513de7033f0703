//! Answers that come in pieces.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::provider::{LONG, Provider, Reply, chat};
use crate::ai::{Deltas, MAX_ANSWER_CHARS, ModelErrorKind};

fn event(value: &Value) -> String {
    format!("data: {value}\n\n")
}

fn delta(text: &str) -> String {
    event(&json!({ "choices": [{ "delta": { "content": text }, "finish_reason": null }] }))
}

fn finish() -> String {
    event(&json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] }))
}

const DONE: &str = "data: [DONE]\n\n";

async fn rest(deltas: &mut Deltas) -> Result<String, ModelErrorKind> {
    let mut text = String::new();
    while let Some(piece) = deltas.next().await.map_err(|error| error.kind())? {
        text.push_str(&piece);
    }
    Ok(text)
}

#[tokio::test]
async fn each_piece_is_handed_on_before_the_next_is_written() {
    let (chunks, receiver) = unbounded_channel();
    let provider = Provider::start([Reply::Chunks(receiver)]).await;
    chunks
        .send(format!(
            ": hello\n\n{}{}",
            event(&json!({ "choices": [{ "delta": { "role": "assistant" } }] })),
            delta(" \n")
        ))
        .unwrap();
    chunks.send(delta(" Hel")).unwrap();
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(deltas.next().await.unwrap().as_deref(), Some("Hel"));
    // Cut within an event.
    let next = delta("lo, 你 ");
    let (head, tail) = next.split_at(30);
    chunks.send(head.to_owned()).unwrap();
    chunks.send(tail.to_owned()).unwrap();
    assert_eq!(deltas.next().await.unwrap().as_deref(), Some("lo, 你 "));
    chunks.send(delta("Ada") + &finish()).unwrap();
    assert_eq!(deltas.next().await.unwrap().as_deref(), Some("Ada"));
    chunks
        .send(
            event(&json!({ "choices": [], "usage": { "prompt_tokens": 3, "completion_tokens": 4 } })) + DONE,
        )
        .unwrap();
    assert_eq!(deltas.next().await.unwrap(), None);
    assert_eq!(deltas.next().await.unwrap(), None);
    let usage = deltas.usage();
    assert_eq!((usage.tokens_in, usage.tokens_out, usage.attempts), (Some(3), Some(4), 1));
    let body = &provider.asked()[0].2;
    assert_eq!((&body["stream"], &body["stream_options"]["include_usage"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn failures_before_the_first_piece_are_tried_again() {
    let script =
        [Reply::status(503), Reply::Break(vec![": hello\n\n".to_owned()]), Reply::body(delta("fine") + DONE)];
    let provider = Provider::start(script).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(rest(&mut deltas).await.unwrap(), "fine");
    assert_eq!(deltas.usage().attempts, 3);
}

#[tokio::test]
async fn a_failure_after_the_first_piece_is_an_error_and_no_new_attempt() {
    let provider = Provider::start([Reply::Break(vec![delta("half")])]).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(deltas.next().await.unwrap().as_deref(), Some("half"));
    assert_eq!(deltas.next().await.unwrap_err().kind(), ModelErrorKind::Transport);
    assert_eq!(deltas.next().await.unwrap(), None);
    assert_eq!(provider.calls(), 1);
}

#[tokio::test]
async fn an_end_without_the_last_event_is_good_only_with_a_reason() {
    let provider = Provider::start([Reply::body(delta("all") + &finish()), Reply::body(delta("half"))]).await;
    let model = provider.model(LONG);
    assert_eq!(rest(&mut model.stream(&chat()).await.unwrap()).await.unwrap(), "all");
    assert_eq!(rest(&mut model.stream(&chat()).await.unwrap()).await.unwrap_err(), ModelErrorKind::Transport);
}

#[tokio::test]
async fn a_stream_that_stops_costs_the_deadline() {
    let (chunks, receiver) = unbounded_channel();
    chunks.send(delta("half")).unwrap();
    let provider = Provider::start([Reply::Chunks(receiver)]).await;
    let mut deltas = provider.model(Duration::from_millis(500)).stream(&chat()).await.unwrap();
    assert_eq!(rest(&mut deltas).await.unwrap_err(), ModelErrorKind::Timeout);
    drop(chunks);
}

#[tokio::test]
async fn a_stream_without_text_or_sense_is_told_at_the_start() {
    for (body, kind) in [
        (delta(" ") + &finish() + DONE, ModelErrorKind::Empty),
        (DONE.to_owned(), ModelErrorKind::Empty),
        ("data: {\n\n".to_owned(), ModelErrorKind::Malformed),
        (event(&json!({ "error": { "message": "no" } })), ModelErrorKind::Malformed),
        (format!(": {}\n\n", "x".repeat(2 * 1024 * 1024)), ModelErrorKind::Malformed),
    ] {
        let provider = Provider::start([Reply::body(body)]).await;
        let error = provider.model(LONG).stream(&chat()).await.err().expect("no answer");
        assert_eq!((error.kind(), provider.calls()), (kind, 1));
    }
}

#[tokio::test]
async fn a_long_stream_is_cut() {
    let body = delta(&"好".repeat(MAX_ANSWER_CHARS - 1)) + &delta("ende") + &delta("more") + DONE;
    let provider = Provider::start([Reply::body(body)]).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(rest(&mut deltas).await.unwrap(), "好".repeat(MAX_ANSWER_CHARS - 1) + "e");
}
