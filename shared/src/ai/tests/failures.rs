//! Providers that hang, fail, or answer nonsense.

use std::time::{Duration, Instant};

use serde_json::json;

use super::provider::{LONG, Provider, Reply, chat};
use crate::ai::{Embeddings, ModelErrorKind};

#[tokio::test]
async fn a_provider_that_hangs_costs_the_deadline() {
    let provider = Provider::start([Reply::Hang]).await;
    let started = Instant::now();
    let error = provider.model(Duration::from_millis(300)).chat(&chat()).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(error.usage().latency >= Duration::from_millis(300));
    assert_eq!(error.usage().attempts, 1);
}

#[tokio::test]
async fn a_body_that_stops_in_the_middle_costs_the_deadline_too() {
    let (chunks, receiver) = tokio::sync::mpsc::unbounded_channel();
    chunks.send("{\"choices\":".to_owned()).unwrap();
    let provider = Provider::start([Reply::Chunks(receiver)]).await;
    let error = provider.model(Duration::from_millis(300)).chat(&chat()).await.unwrap_err();
    assert_eq!(error.kind(), ModelErrorKind::Timeout);
}

#[tokio::test]
async fn a_passing_failure_is_tried_again() {
    for failure in [408, 425, 429, 500, 502, 503, 504, 529] {
        let provider = Provider::start([Reply::status(failure), Reply::ok(json!("fine"))]).await;
        let completion = provider.model(LONG).chat(&chat()).await.unwrap();
        assert_eq!((completion.text.as_str(), completion.usage.attempts), ("fine", 2), "{failure}");
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again() {
    let provider = Provider::start([Reply::Break(vec!["{".to_owned()]), Reply::ok(json!("fine"))]).await;
    assert_eq!(provider.model(LONG).chat(&chat()).await.unwrap().usage.attempts, 2);
}

#[tokio::test]
async fn three_attempts_are_enough() {
    let provider = Provider::start((0..4).map(|_| Reply::status(503))).await;
    let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
    assert_eq!((error.kind(), error.usage().attempts), (ModelErrorKind::Status(503), 3));
    assert_eq!(provider.calls(), 3);
    let text = format!("{error} {error:?}");
    assert!(text.contains("model: status 503 (attempts: 3, ") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    for status in [400, 401, 403, 404, 409, 422, 301] {
        let provider = Provider::start([Reply::status(status)]).await;
        let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
        assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(status), 1));
    }
}

/// A redirect would carry the key to an address that nobody configured.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [302, 307, 308] {
        let away = Reply::Whole(status, &[("location", "/v1/elsewhere")], String::new());
        let provider = Provider::start([away, Reply::ok(json!("fine"))]).await;
        let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
        assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(status), 1));
    }
}

#[tokio::test]
async fn the_wait_that_the_provider_asks_for_is_kept() {
    let busy = Reply::Whole(429, &[("retry-after", "1")], String::new());
    let provider = Provider::start([busy, Reply::ok(json!("fine"))]).await;
    let completion = provider.model(LONG).chat(&chat()).await.unwrap();
    assert!(completion.usage.latency >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_that_does_not_fit_ends_the_call_at_once() {
    for date in ["30", "Thu, 01 Jan 2099 00:00:00 GMT"] {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("retry-after", date)]));
        let provider = Provider::start([Reply::Whole(503, headers, String::new())]).await;
        let started = Instant::now();
        let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
        assert_eq!((error.kind(), provider.calls()), (ModelErrorKind::Status(503), 1));
        assert!(started.elapsed() < Duration::from_secs(10), "{date}");
    }
}

#[tokio::test]
async fn a_date_in_the_past_is_no_wait() {
    let busy = Reply::Whole(503, &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], String::new());
    let provider = Provider::start([busy, Reply::ok(json!("fine"))]).await;
    assert_eq!(provider.model(LONG).chat(&chat()).await.unwrap().usage.attempts, 2);
}

#[tokio::test]
async fn a_closed_port_is_a_transport_error() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let model = super::start(&[super::KEY, ("OPENAI_BASE_URL", &format!("http://{free}"))]).unwrap().unwrap();
    let error = model.chat(&chat()).await.unwrap_err();
    assert_eq!((error.kind(), error.usage().attempts), (ModelErrorKind::Transport, 3));
}

#[tokio::test]
async fn nonsense_is_told_from_nothing_and_neither_is_repeated() {
    let content = |content| json!({ "choices": [{ "message": { "content": content } }] }).to_string();
    for (body, kind) in [
        ("{\"choices\":[{".to_owned(), ModelErrorKind::Malformed),
        ("<html>".to_owned(), ModelErrorKind::Malformed),
        ("[]".to_owned(), ModelErrorKind::Malformed),
        ("{}".to_owned(), ModelErrorKind::Malformed),
        (content(json!(7)), ModelErrorKind::Malformed),
        (content(json!("fine")) + &" ".repeat(2 * 1024 * 1024), ModelErrorKind::Malformed),
        ("{\"choices\":[]}".to_owned(), ModelErrorKind::Empty),
        ("{\"choices\":[{}]}".to_owned(), ModelErrorKind::Empty),
        (content(json!(null)), ModelErrorKind::Empty),
        (content(json!(" \n\u{0} ")), ModelErrorKind::Empty),
        (content(json!([{ "type": "text", "text": " " }])), ModelErrorKind::Empty),
    ] {
        let start: String = body.chars().take(40).collect();
        let provider = Provider::start([Reply::body(body)]).await;
        let error = provider.model(LONG).chat(&chat()).await.expect_err("no answer");
        assert_eq!((error.kind(), provider.calls()), (kind, 1), "{start}");
    }
}

/// Handlers' futures run on any executor only if these may.
#[test]
fn calls_can_be_sent_to_another_thread() {
    fn send<T: Send>(_: T) {}
    let model = super::start(&[super::KEY, super::PROVIDER]).unwrap().unwrap();
    let chat = chat();
    send(model.chat(&chat));
    send(model.structured::<u32>(&chat));
    let settings = |name: &str| super::start_value(&[super::KEY, super::PROVIDER], name);
    let embeddings = Embeddings::from_settings(&settings).unwrap().unwrap();
    send(embeddings.passages(&["x"]));
    send(embeddings.query("x"));
    send(async {
        let mut deltas = model.stream(&chat).await.unwrap();
        deltas.next().await
    });
}

#[tokio::test]
async fn an_error_with_a_good_status_is_told_by_its_code() {
    for (error, code, is_passing) in [
        (json!({ "code": 503, "message": "secret" }), "503", true),
        (json!({ "code": "rate_limit_exceeded" }), "rate_limit_exceeded", true),
        (json!({ "code": null, "type": "overloaded_error" }), "overloaded_error", true),
        (json!({ "type": "api_error" }), "api_error", true),
        (json!({ "code": 429.0 }), "429.0", false),
        (json!({ "code": 402 }), "402", false),
        (json!({ "code": "", "status": "UNAVAILABLE" }), "UNAVAILABLE", true),
        (json!({ "code": "content policy: secret" }), "unknown", false),
        (json!({ "message": "The engine is currently overloaded" }), "overloaded", true),
        (json!("upstream request timeout"), "timeout", true),
        (json!("secret words"), "unknown", false),
        (json!("model_not_found"), "model_not_found", false),
        (json!(["secret"]), "unknown", false),
        (json!(7), "unknown", false),
        (json!({ "code": "x".repeat(100) }), &"x".repeat(32), false),
    ] {
        let told = || Reply::body(json!({ "error": error }).to_string());
        let provider = Provider::start([told(), Reply::ok(json!("fine"))]).await;
        let outcome = provider.model(LONG).chat(&chat()).await;
        if is_passing {
            assert_eq!((outcome.unwrap().text.as_str(), provider.calls()), ("fine", 2), "{error}");
            continue;
        }
        let error = outcome.unwrap_err();
        let ModelErrorKind::Upstream(found) = error.kind() else { panic!("{error}") };
        assert_eq!((found.as_str(), provider.calls()), (code, 1), "{error}");
        assert!(!error.is_providers_fault() && !format!("{error} {error:?}").contains("secret"), "{error}");
    }
    let body = json!({ "error": { "code": 502 }, "choices": [] }).to_string();
    let provider = Provider::start((0..3).map(|_| Reply::body(body.clone()))).await;
    let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
    assert!(error.is_providers_fault(), "{error}");
    assert!(format!("{error}").starts_with("model: upstream 502 (attempts: 3, "), "{error}");
}

#[tokio::test]
async fn no_error_is_no_error() {
    for nothing in [json!(null), json!({}), json!(""), json!(false)] {
        let body = json!({ "error": nothing, "choices": [{ "message": { "content": "fine" } }] });
        let provider = Provider::start([Reply::body(body.to_string())]).await;
        assert_eq!(provider.model(LONG).chat(&chat()).await.unwrap().text, "fine");
    }
}

#[tokio::test]
async fn a_breaker_counts_what_is_the_providers_fault() {
    for (status, is_fault) in [
        (400, false),
        (401, false),
        (403, false),
        (404, false),
        (408, true),
        (413, false),
        (422, false),
        (425, true),
        (429, true),
        (500, true),
        (503, true),
        (529, true),
    ] {
        let provider = Provider::start((0..3).map(|_| Reply::status(status))).await;
        let error = provider.model(LONG).chat(&chat()).await.unwrap_err();
        assert_eq!(error.is_providers_fault(), is_fault, "{status}");
    }
    let provider = Provider::start([Reply::Hang, Reply::body("<html>"), Reply::ok(json!(""))]).await;
    let fault = async |time| provider.model(time).chat(&chat()).await.unwrap_err().is_providers_fault();
    assert!(fault(Duration::from_millis(100)).await, "a timeout");
    assert!(!fault(LONG).await, "nonsense");
    assert!(!fault(LONG).await, "nothing");
}
