//! A model provider: an OpenAI-compatible server whose answers a test scripts.

mod streaming;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub use streaming::Step;

/// What the provider does with one request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Answers with this text, with model and token counts.
    Text(String),
    /// Answers with this text after a while.
    Slow(Duration, String),
    /// Takes the request and never answers.
    Hang,
    /// Answers with this status and an error body.
    Status(u16),
    /// Answers with this status and body.
    Refusal(u16, Value),
    /// Answers 429 with `Retry-After` in seconds.
    RateLimited(u64),
    /// Answers 200 with a body that breaks off.
    BrokenJson,
    /// Answers 200 with no choice at all.
    NoChoice,
    /// Answers 200 with a choice whose content is empty.
    EmptyChoice,
    /// Answers 200 with exactly this body.
    Body(Value),
    /// Answers step by step; where no stream is asked for, with all of its words.
    Steps(Vec<Step>),
}

/// The running server. It stops when dropped.
pub struct Provider {
    address: String,
    state: Arc<Mutex<Script>>,
    gate: Arc<Semaphore>,
    task: tokio::task::JoinHandle<()>,
}

struct Script {
    next: VecDeque<Behaviour>,
    otherwise: Behaviour,
    requests: Vec<(String, HeaderMap, Value)>,
}

impl Provider {
    /// A provider that always behaves like this, until told otherwise.
    pub async fn start(otherwise: Behaviour) -> Self {
        let state = Arc::new(Mutex::new(Script { next: VecDeque::new(), otherwise, requests: Vec::new() }));
        let gate = Arc::new(Semaphore::new(0));
        let router = Router::new().fallback(answer).with_state((Arc::clone(&state), Arc::clone(&gate)));
        let (address, task) = super::serve(router).await;
        Self { address, state, gate, task }
    }

    /// The value for `OPENAI_BASE_URL`.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.address)
    }

    /// Queues what the next requests get, before the usual behaviour applies again.
    pub fn then(&self, next: impl IntoIterator<Item = Behaviour>) -> &Self {
        self.script().next.extend(next);
        self
    }

    /// Changes the usual behaviour.
    pub fn always(&self, otherwise: Behaviour) -> &Self {
        self.script().otherwise = otherwise;
        self
    }

    /// Lets an answer that holds at [`Step::Hold`] go on.
    pub fn go_on(&self) {
        self.gate.add_permits(1);
    }

    /// The bodies of all requests so far, in order.
    pub fn requests(&self) -> Vec<Value> {
        self.script().requests.iter().map(|(_, _, body)| body.clone()).collect()
    }

    /// Number of requests so far.
    pub fn count(&self) -> usize {
        self.script().requests.len()
    }

    /// Path and one header of a request, by its place from 0.
    ///
    /// # Panics
    /// When there was no such request.
    pub fn path_and_header(&self, index: usize, header: &str) -> (String, Option<String>) {
        let script = self.script();
        let (path, headers, _) = &script.requests[index];
        let value = headers.get(header).and_then(|value| value.to_str().ok());
        (path.clone(), value.map(str::to_owned))
    }

    /// Waits until so many requests have come in, for a test that acts while a model call is under way.
    ///
    /// # Panics
    /// When they do not come within 20 seconds.
    pub async fn wait_for(&self, count: usize) {
        let arrived = async {
            while self.count() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), arrived).await;
        in_time.unwrap_or_else(|_| panic!("{} of {count} requests reached the provider", self.count()));
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State((state, gate)): State<(Arc<Mutex<Script>>, Arc<Semaphore>)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let (model, streams) = (body["model"].clone(), body["stream"] == true);
    let behaviour = {
        let mut script = state.lock().unwrap_or_else(PoisonError::into_inner);
        script.requests.push((uri.path().to_owned(), headers, body));
        script.next.pop_front().unwrap_or_else(|| script.otherwise.clone())
    };
    let error = |message: &str| json!({"error": {"message": message, "type": "server_error"}}).to_string();
    match behaviour {
        Behaviour::Text(text) if streams => streaming::response(model, streaming::halves(&text), gate),
        Behaviour::Slow(after, text) if streams => {
            tokio::time::sleep(after).await;
            streaming::response(model, streaming::halves(&text), gate)
        }
        Behaviour::Steps(steps) if streams => streaming::response(model, steps, gate),
        Behaviour::Steps(steps) => json_response(completion(&model, &streaming::whole(&steps))),
        Behaviour::Text(text) => json_response(completion(&model, &text)),
        Behaviour::Slow(after, text) => {
            tokio::time::sleep(after).await;
            json_response(completion(&model, &text))
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Status(status) => refusal(status, error("scripted failure")),
        Behaviour::Refusal(status, body) => refusal(status, body.to_string()),
        Behaviour::RateLimited(seconds) => {
            let headers =
                [("content-type", "application/json".to_owned()), ("retry-after", seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, headers, error("rate limited")).into_response()
        }
        Behaviour::BrokenJson => {
            ([("content-type", "application/json")], r#"{"choices": [{"message": {"content": "a"#)
                .into_response()
        }
        Behaviour::NoChoice => {
            let mut body = completion(&model, "");
            body["choices"] = json!([]);
            json_response(body)
        }
        Behaviour::EmptyChoice => json_response(completion(&model, "")),
        Behaviour::Body(body) => json_response(body),
    }
}

fn refusal(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [("content-type", "application/json")], body).into_response()
}

fn json_response(body: Value) -> Response {
    ([("content-type", "application/json")], body.to_string()).into_response()
}

/// The shape of <https://platform.openai.com/docs/api-reference/chat/object>.
fn completion(model: &Value, text: &str) -> Value {
    json!({
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop"
        }],
        "usage": {"prompt_tokens": 21, "completion_tokens": 8, "total_tokens": 29}
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(provider: &Provider) -> reqwest::Result<reqwest::Response> {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(300)).build()?;
        let body = json!({"model": "m", "messages": []}).to_string();
        http.post(format!("{}/chat/completions", provider.base_url())).body(body).send().await
    }

    #[tokio::test]
    async fn behaviours_follow_the_script() {
        let provider = Provider::start(Behaviour::Text("好的".to_owned())).await;
        provider.then([
            Behaviour::Status(500),
            Behaviour::RateLimited(2),
            Behaviour::Hang,
            Behaviour::BrokenJson,
        ]);
        assert_eq!(ask(&provider).await.unwrap().status(), 500);
        let limited = ask(&provider).await.unwrap();
        assert_eq!(
            (limited.status().as_u16(), &limited.headers()["retry-after"]),
            (429, &"2".parse().unwrap())
        );
        assert!(ask(&provider).await.unwrap_err().is_timeout());
        assert!(ask(&provider).await.unwrap().json::<Value>().await.is_err());
        let usual: Value = ask(&provider).await.unwrap().json().await.unwrap();
        assert_eq!(usual["choices"][0]["message"]["content"], "好的");
        assert_eq!(provider.count(), 5);
        assert_eq!(provider.path_and_header(0, "host").0, "/v1/chat/completions");
    }
}
