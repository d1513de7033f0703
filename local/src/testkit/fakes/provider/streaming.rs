//! An answer in pieces, as `stream: true` asks for it (<https://platform.openai.com/docs/api-reference/chat-streaming>).

use std::{io, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// What comes of a streamed answer, one after the other. After the last step it ends as it should.
#[derive(Clone, Debug)]
pub enum Step {
    /// These words.
    Say(String),
    /// This event, as it stands: a call of a tool, a reason to finish.
    Event(Value),
    /// Nothing, until the test lets it go on.
    Hold,
    /// An error in the place of an event.
    Error,
    /// The end of the connection.
    Break,
}

/// The words of a whole answer in two steps.
pub(super) fn halves(text: &str) -> Vec<Step> {
    let letters: Vec<char> = text.chars().collect();
    let (first, second) = letters.split_at(letters.len() / 2);
    [first, second].map(|half| Step::Say(half.iter().collect())).into()
}

/// All words of the steps.
pub(super) fn whole(steps: &[Step]) -> String {
    let words = steps.iter().map(|step| if let Step::Say(words) = step { words.as_str() } else { "" });
    words.collect()
}

pub(super) fn response(model: Value, steps: Vec<Step>, gate: Arc<Semaphore>) -> Response {
    let state = Some((steps.into_iter(), gate, model));
    let chunks = stream::unfold(state, |state| async move {
        let (mut steps, gate, model) = state?;
        loop {
            let chunk = match steps.next() {
                Some(Step::Say(words)) => event(&chunk(&model, &json!({ "content": words }), None)),
                Some(Step::Event(data)) => event(&data),
                Some(Step::Hold) => {
                    gate.acquire().await.ok()?.forget();
                    continue;
                }
                Some(Step::Error) => {
                    event(&json!({ "error": { "message": "scripted failure", "type": "server_error" } }))
                }
                Some(Step::Break) => return Some((Err(io::Error::other("scripted end")), None)),
                None => {
                    let end = event(&chunk(&model, &json!({}), Some("stop")));
                    let mut usage = chunk(&model, &json!({}), None);
                    usage["choices"] = json!([]);
                    usage["usage"] =
                        json!({ "prompt_tokens": 21, "completion_tokens": 8, "total_tokens": 29 });
                    return Some((Ok(format!("{end}{}data: [DONE]\n\n", event(&usage))), None));
                }
            };
            return Some((Ok(chunk), Some((steps, gate, model))));
        }
    });
    ([("content-type", "text/event-stream")], Body::from_stream(chunks)).into_response()
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn chunk(model: &Value, delta: &Value, finish: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-test",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    })
}
