//! A provider that gives the scripted replies in order, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::ai::{Chat, Embeddings, Message, Model};

/// One scripted reply.
pub(super) enum Reply {
    /// A status, headers, and the whole body.
    Whole(u16, &'static [(&'static str, &'static str)], String),
    /// Nothing, ever.
    Hang,
    /// The head, these chunks, and then the connection breaks.
    Break(Vec<String>),
    /// The head, these chunks, and the end.
    Bytes(Vec<Vec<u8>>),
    /// The head, and then chunks as they are sent; the end when the sender is dropped.
    Chunks(mpsc::UnboundedReceiver<String>),
}

impl Reply {
    pub(super) fn ok(content: Value) -> Reply {
        let body = json!({
            "choices": [{ "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 11, "completion_tokens": 7 },
        });
        Reply::Whole(200, &[], body.to_string())
    }

    pub(super) fn status(status: u16) -> Reply {
        Reply::Whole(status, &[], "{\"error\":{\"message\":\"sk-secret was said\"}}".to_owned())
    }

    /// A refusal with this body.
    pub(super) fn refusal(status: u16, body: &Value) -> Reply {
        Reply::Whole(status, &[], body.to_string())
    }

    pub(super) fn body(body: impl Into<String>) -> Reply {
        Reply::Whole(200, &[], body.into())
    }
}

#[derive(Clone)]
pub(super) struct Provider {
    url: String,
    script: Arc<Mutex<VecDeque<Reply>>>,
    /// Path, authorization and body of each request.
    asked: Arc<Mutex<Vec<(String, String, Value)>>>,
}

impl Provider {
    pub(super) async fn start(script: impl IntoIterator<Item = Reply>) -> Provider {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        // What one test's provider refuses is remembered by its address, so no other gets that.
        std::mem::forget(listener.try_clone().unwrap());
        let listener = TcpListener::from_std(listener).unwrap();
        let provider = Provider {
            url: format!("http://{}/v1/", listener.local_addr().unwrap()),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            asked: Arc::default(),
        };
        let router = Router::new().fallback(answer).with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// A model of this provider with so much time for a call.
    pub(super) fn model(&self, deadline: Duration) -> Model {
        let deadline = deadline.as_millis().to_string();
        self.model_with(&[("LLM_DEADLINE_MS", &deadline), ("LLM_STREAM_DEADLINE_MS", &deadline)])
    }

    /// A model of this provider with these settings.
    pub(super) fn model_with(&self, settings: &[(&str, &str)]) -> Model {
        Model::from_settings(&self.settings(settings)).unwrap().unwrap()
    }

    /// Its embeddings with these settings.
    pub(super) fn embeddings(&self, settings: &[(&str, &str)]) -> Embeddings {
        Embeddings::from_settings(&self.settings(settings)).unwrap().unwrap()
    }

    fn settings(&self, more: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        let usual = [
            ("LLM_API_KEY", "sk-secret"),
            ("LLM_MODEL", "small"),
            ("LLM_EMBEDDING_MODEL", "vectors"),
            ("OPENAI_BASE_URL", &self.url),
        ];
        let all: HashMap<String, String> =
            usual.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        move |name| all.get(name).cloned()
    }

    /// Adds replies to the script.
    pub(super) fn then(&self, more: impl IntoIterator<Item = Reply>) {
        self.script.lock().unwrap().extend(more);
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The body of a request, by its place from 0.
    pub(super) fn body_of(&self, request: usize) -> Value {
        self.asked.lock().unwrap()[request].2.clone()
    }

    pub(super) fn asked(&self) -> Vec<(String, String, Value)> {
        self.asked.lock().unwrap().clone()
    }

    /// How many requests came.
    pub(super) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn answer(State(provider): State<Provider>, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let authorization = request.headers().get("authorization");
    let authorization = authorization.map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap();
    provider.asked.lock().unwrap().push((path, authorization, body));
    let reply = provider.script.lock().unwrap().pop_front();
    match reply.expect("no more requests than the script has replies") {
        Reply::Whole(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Reply::Hang => std::future::pending().await,
        Reply::Break(chunks) => {
            let chunks = futures_util::stream::iter(chunks).then(async |chunk| {
                // The head and the chunks before must be on their way when the connection breaks.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Ok(Bytes::from(chunk))
            });
            let broken = futures_util::stream::once(async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(std::io::Error::other("broken"))
            });
            Response::new(Body::from_stream(chunks.chain(broken)))
        }
        Reply::Bytes(chunks) => {
            let chunks = chunks.into_iter().filter(|chunk| !chunk.is_empty());
            Response::new(Body::from_stream(futures_util::stream::iter(chunks.map(Ok::<_, Infallible>))))
        }
        Reply::Chunks(chunks) => {
            let chunks = futures_util::stream::unfold(chunks, async |mut chunks| {
                let chunk = chunks.recv().await?;
                Some((Ok::<_, Infallible>(Bytes::from(chunk)), chunks))
            });
            Response::new(Body::from_stream(chunks))
        }
    }
}

pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) fn chat() -> Chat {
    Chat {
        messages: vec![Message::system("be brief"), Message::user("hello")],
        temperature: 0.2,
        max_tokens: 200,
        ..Chat::default()
    }
}
