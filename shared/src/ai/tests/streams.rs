//! Answers that come in pieces.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use super::provider::{LONG, Provider, Reply, chat};
use crate::ai::incoming::Incoming;
use crate::ai::learned::Learned;
use crate::ai::{Chat, Deltas, MAX_ANSWER_CHARS, ModelError, ModelErrorKind};

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
        (
            event(&json!({ "choices": [{ "delta": {}, "finish_reason": "length" }] })) + DONE,
            ModelErrorKind::Truncated,
        ),
        (delta("<think>secret") + &finish() + DONE, ModelErrorKind::Empty),
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
    assert!(deltas.is_truncated());
}

#[tokio::test]
async fn a_stream_says_when_its_length_was_used_up() {
    let cut = event(&json!({ "choices": [{ "delta": { "content": "b" }, "finish_reason": "length" }] }));
    for (body, max_chars, text, truncated) in [
        (delta("a") + &cut + DONE, 10, "ab", true),
        (delta("a") + &delta("b") + &finish() + DONE, 2, "ab", false),
        (delta("a") + &delta("b \n") + &finish() + DONE, 2, "ab", false),
        (delta("a") + &delta("b") + &delta("c"), 2, "ab", true),
        (delta("abc"), 2, "ab", true),
    ] {
        let provider = Provider::start([Reply::body(body.clone())]).await;
        let chat = Chat { max_chars, ..chat() };
        let mut deltas = provider.model(LONG).stream(&chat).await.unwrap();
        assert_eq!(rest(&mut deltas).await.as_deref(), Ok(text), "{body}");
        assert_eq!(deltas.is_truncated(), truncated, "{body}");
        assert_eq!(deltas.next().await.unwrap(), None);
    }
}

#[tokio::test]
async fn an_error_in_a_stream_is_told_by_its_code() {
    for (told, code) in [
        (event(&json!({ "error": { "code": 502, "message": "secret" } })), "502"),
        (
            event(&json!({ "error": { "message": "secret" }, "choices": [{ "finish_reason": "error" }] })),
            "unknown",
        ),
        (event(&json!({ "choices": [{ "delta": {}, "finish_reason": "error" }] })), "unknown"),
        (event(&json!({ "error": { "code": "rate_limit_exceeded" } })), "rate_limit_exceeded"),
        (event(&json!({ "error": "server_error" })), "server_error"),
        ("event: error\r\ndata: {\"type\":\"overloaded_error\"}\r\n\r\n".to_owned(), "overloaded_error"),
        (
            "event:error\ndata:{\"error\":{\"type\":\"api_error\"},\"type\":\"error\"}\n\n".to_owned(),
            "api_error",
        ),
        ("event: error\ndata: secret words\n\n".to_owned(), "unknown"),
        ("event: error\ndata:\n\n".to_owned(), "unknown"),
    ] {
        let (chunks, receiver) = unbounded_channel();
        let provider = Provider::start([Reply::Chunks(receiver)]).await;
        chunks.send(delta("half")).unwrap();
        let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
        assert_eq!(deltas.next().await.unwrap().as_deref(), Some("half"), "{told}");
        chunks.send(delta(" more") + &told + DONE).unwrap();
        assert_eq!(deltas.next().await.unwrap().as_deref(), Some(" more"), "{told}");
        let error = deltas.next().await.unwrap_err();
        let ModelErrorKind::Upstream(found) = error.kind() else { panic!("{error}: {told}") };
        assert_eq!(found.as_str(), code, "{told}");
        assert_eq!(error.is_providers_fault(), !["unknown"].contains(&code), "{told}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert_eq!((deltas.next().await.unwrap(), provider.calls()), (None, 1));
    }
    // At the beginning it is a failure like any other.
    let busy = event(&json!({ "error": { "code": "overloaded" } }));
    let provider = Provider::start([Reply::body(busy), Reply::body(delta("fine") + DONE)]).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!((rest(&mut deltas).await.as_deref(), provider.calls()), (Ok("fine"), 2));
    let no = event(&json!({ "error": { "message": "no" } }));
    let provider = Provider::start([Reply::body(no)]).await;
    let error = provider.model(LONG).stream(&chat()).await.err().unwrap();
    assert_eq!(error.to_string().split(" (").next(), Some("model: upstream unknown"));
}

/// A model may be made to write what looks like the protocol.
#[tokio::test]
async fn text_is_never_an_event() {
    let text = "data: [DONE]\n\nevent: error\ndata: {\"error\": \"x\"}\r\n\r\n: \u{2028}[DONE]";
    let provider = Provider::start([Reply::body(delta(text) + &delta("!") + &finish() + DONE)]).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(rest(&mut deltas).await.unwrap(), text.replace('\r', "") + "!");
}

#[tokio::test]
async fn odd_streams_are_read_to_their_end() {
    let usage = |usage: Value| event(&json!({ "choices": [], "usage": usage }));
    let counted = json!({ "prompt_tokens": 3, "completion_tokens": 4 });
    let crlf = |body: &str| body.replace('\n', "\r\n");
    let plain = delta("a") + &finish() + &usage(counted.clone()) + DONE;
    for (body, told) in [
        (plain.clone(), true),
        (crlf(&plain), true),
        (plain.replace("data: ", "data:").replace("[DONE]", "[DONE] "), true),
        (format!(": ping\n\n{}", plain.replace("\n\n", "\n\n: keep-alive\n\ndata:\n\nretry: 5\n\n")), true),
        (delta("a") + &finish() + &usage(counted.clone()), true),
        (delta("a") + &finish() + &usage(json!(null)), false),
        (delta("a") + &usage(json!(null)) + DONE, false),
        (
            event(&json!({ "choices": null })) + &event(&json!({})) + &delta("a") + &event(&json!(7)) + DONE,
            false,
        ),
        (
            delta("a")
                + &event(
                    &json!({ "choices": [{ "delta": null, "finish_reason": "stop", "usage": counted }] }),
                ),
            true,
        ),
        (
            delta("a")
                + &event(
                    &json!({ "x_groq": { "usage": counted }, "choices": [{ "finish_reason": "stop" }] }),
                ),
            true,
        ),
        (
            event(
                &json!({ "choices": [{ "delta": { "content": [{ "type": "thinking", "thinking": "secret" }] } }] }),
            ) + &event(
                &json!({ "choices": [{ "delta": { "content": [{ "type": "text", "text": "a" }] } }] }),
            ) + DONE,
            false,
        ),
        (
            event(&json!({ "choices": [{ "delta": { "content": null, "reasoning_content": "secret" } }] }))
                + &event(&json!({ "choices": [{ "delta": { "content": "", "reasoning": "secret" } }] }))
                + &delta("a")
                + DONE,
            false,
        ),
        (delta("a") + &event(&json!({ "choices": [{ "delta": {}, "finish_reason": "" }] })) + DONE, false),
        (delta("a") + &finish() + &event(&json!({ "error": "too late" })), false),
        (delta("a") + &finish() + "data: {\n\n", false),
    ] {
        let provider = Provider::start([Reply::body(body.clone())]).await;
        let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
        assert_eq!(rest(&mut deltas).await.as_deref(), Ok("a"), "{body}");
        let tokens = (deltas.usage().tokens_in, deltas.usage().tokens_out);
        assert_eq!(tokens, if told { (Some(3), Some(4)) } else { (None, None) }, "{body}");
        assert!(!deltas.is_truncated() && deltas.take_tool_calls().is_empty());
    }
}

#[tokio::test]
async fn a_whole_answer_in_the_place_of_a_stream_is_read_too() {
    const JSON: &[(&str, &str)] = &[("content-type", "application/json; charset=utf-8")];
    let whole = |body: Value| Reply::Whole(200, JSON, body.to_string());
    let message = json!({ "content": "<think>secret</think>all" });
    let usage = json!({ "prompt_tokens": 3, "completion_tokens": 4 });
    let script = [
        whole(json!({ "error": { "code": 503 } })),
        whole(json!({ "choices": [{ "message": message, "finish_reason": "length" }], "usage": usage })),
        whole(json!({ "choices": [] })),
    ];
    let provider = Provider::start(script).await;
    let mut deltas = provider.model(LONG).stream(&chat()).await.unwrap();
    assert_eq!(rest(&mut deltas).await.unwrap(), "all");
    assert_eq!((deltas.usage().tokens_out, deltas.is_truncated()), (Some(4), true));
    let error = provider.model(LONG).stream(&chat()).await.err().unwrap();
    assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Empty, 3));
}

#[tokio::test]
async fn a_silence_within_a_stream_is_not_borne_for_long() {
    let (chunks, receiver) = unbounded_channel();
    chunks.send(delta("half")).unwrap();
    let provider = Provider::start([Reply::Chunks(receiver)]).await;
    let model = provider.model_with(&[("LLM_STREAM_IDLE_MS", "1000")]);
    let mut deltas = model.stream(&chat()).await.unwrap();
    let error = async {
        while deltas.next().await?.is_some() {}
        Ok::<_, ModelError>(())
    }
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Timeout);
    assert!(error.is_providers_fault() && error.usage().latency < Duration::from_secs(20), "{error}");
    drop(chunks);
}

#[tokio::test]
async fn a_whole_answer_does_not_wait_for_its_usage() {
    let (chunks, receiver) = unbounded_channel();
    chunks.send(delta("all") + &finish()).unwrap();
    let provider = Provider::start([Reply::Chunks(receiver)]).await;
    let model = provider.model_with(&[("LLM_STREAM_IDLE_MS", "1000")]);
    let mut deltas = model.stream(&chat()).await.unwrap();
    assert_eq!(rest(&mut deltas).await.unwrap(), "all");
    drop(chunks);
}

#[tokio::test]
async fn a_stream_has_a_deadline_of_its_own_and_within_bounds_it() {
    for stream in [false, true] {
        let provider = Provider::start([Reply::Hang]).await;
        let model = provider.model_with(&[]).within(Duration::from_millis(200));
        let error = match stream {
            true => model.stream(&chat()).await.err().unwrap(),
            false => model.chat(&chat()).await.unwrap_err(),
        };
        assert_eq!(error.kind(), ModelErrorKind::Timeout);
    }
    for stream in [false, true] {
        let provider = Provider::start([Reply::Hang]).await;
        let chat = Chat { max_time: Some(Duration::from_millis(200)), ..chat() };
        let error = match stream {
            true => provider.model(LONG).stream(&chat).await.err().unwrap(),
            false => provider.model(LONG).chat(&chat).await.unwrap_err(),
        };
        assert_eq!(error.kind(), ModelErrorKind::Timeout);
    }
    let (chunks, receiver) = unbounded_channel();
    let provider = Provider::start([Reply::Chunks(receiver)]).await;
    let model = provider.model_with(&[("LLM_DEADLINE_MS", "1")]);
    chunks.send(delta("fine") + DONE).unwrap();
    let mut deltas = model.stream(&chat()).await.expect("the deadline of whole answers is another one");
    assert_eq!(rest(&mut deltas).await.unwrap(), "fine");
}

/// A template that opens the reasoning shows at the closing tag, and once only.
#[tokio::test]
async fn reasoning_that_was_taken_for_the_answer_is_void_and_not_shown_again() {
    let inside = || delta("secret") + &delta(" reasons</thi") + &delta("nk>\n") + &delta("你好") + &finish();
    let plain = || delta("no reason") + &delta("s") + &finish();
    let script = [
        Reply::body(inside().replace("</thi", "").replace("nk>\\n", "</think>")),
        Reply::body(inside()),
        Reply::body(plain()),
        Reply::body(plain()),
    ];
    let (chunks, receiver) = unbounded_channel();
    let provider = Provider::start([Reply::Chunks(receiver)].into_iter().chain(script)).await;
    let model = provider.model(LONG);
    chunks.send(delta("secret")).unwrap();
    let mut deltas = model.stream(&chat()).await.unwrap();
    assert_eq!(deltas.next().await.unwrap().as_deref(), Some("secret"), "nobody can know yet");
    chunks.send(delta("</think>你好") + &finish()).unwrap();
    assert_eq!(deltas.next().await.unwrap_err().kind(), ModelErrorKind::Malformed);
    for text in ["你好", "你好", "no reasons", "no reasons"] {
        assert_eq!(rest(&mut model.stream(&chat()).await.unwrap()).await.unwrap(), text);
    }
}

/// Whatever a stream is cut at, what is handed on is a beginning of the answer.
#[test]
fn a_stream_may_be_cut_at_every_byte() {
    let call =
        json!({ "index": 0, "id": "a", "function": { "name": "book", "arguments": "{\"n\":\"好\"}" } });
    let body = format!(
        ": hi\r\n\r\n{}{}{}{}{}{}{DONE}",
        delta("<thi"),
        delta("nk>secret 想</th").replace("想", "\\u60f3"),
        delta("ink>\n你"),
        delta("好 \u{1f600}<b>"),
        event(&json!({ "choices": [{ "delta": { "tool_calls": [call] } }] })),
        finish(),
    );
    let answer = "你好 \u{1f600}<b>";
    let learned = Learned::default();
    for end in 0..=body.len() {
        for step in [1, 3, body.len()] {
            let mut incoming = Incoming::new(&learned);
            let mut text = String::new();
            for chunk in body.as_bytes()[..end].chunks(step) {
                assert!(incoming.push(chunk).is_ok());
                text.extend(std::iter::from_fn(|| incoming.pop()));
            }
            assert!(answer.starts_with(&text), "{end}: {text}");
            if incoming.is_finished {
                incoming.end();
                text.extend(std::iter::from_fn(|| incoming.pop()));
                assert_eq!(text, answer);
                let calls = std::mem::take(&mut incoming.calls).finish();
                assert_eq!(calls[0].arguments, "{\"n\":\"好\"}");
            }
        }
    }
}

/// The same over a connection: each stream has two chunks.
#[tokio::test]
async fn a_stream_may_come_in_two_at_every_byte() {
    let body = delta("<think>secret</think>你") + &delta("好") + &finish() + DONE;
    let provider = Provider::start([]).await;
    let model = provider.model(LONG);
    for end in 0..=body.len() {
        let halves = [&body.as_bytes()[..end], &body.as_bytes()[end..]];
        provider.then([Reply::Bytes(halves.map(<[u8]>::to_vec).into())]);
        let mut deltas = model.stream(&chat()).await.unwrap();
        assert_eq!(rest(&mut deltas).await.as_deref(), Ok("你好"), "{end}");
    }
}
