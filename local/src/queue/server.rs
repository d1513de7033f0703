//! SQS' own protocol, as far as functions speak it: `SendMessage` in JSON
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

use super::{Inboxes, MD5_OF_NUDGE, NUDGE, Queues, signature};
use crate::template::ACCOUNT;

/// What is wrong with SQS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It answers 500 and takes nothing.
    Outage,
    /// It never answers and takes nothing.
    Silence,
    /// Nobody listens.
    Absence,
}

/// The running server. It stops when dropped.
pub struct Sqs {
    address: String,
    state: Shared,
    _tasks: JoinSet<()>,
}

type Shared = Arc<Mutex<Inner>>;

#[derive(Default)]
struct Inner {
    /// The workers that were nudged, oldest first.
    nudges: Vec<String>,
    /// `None` keeps what comes and delivers nothing.
    inboxes: Option<Inboxes>,
    trouble: Option<Trouble>,
}

impl Sqs {
    /// A server that remembers what comes and delivers nothing, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(trouble: Option<Trouble>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port is free for queues")?;
        let address = format!("http://{}", listener.local_addr()?);
        let state = Shared::new(Mutex::new(Inner { trouble, ..Inner::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let mut tasks = JoinSet::new();
        if trouble != Some(Trouble::Absence) {
            tasks.spawn(async move {
                // Ends with the tool; an error would show as a refused connection.
                let _ = axum::serve(listener, router).await;
            });
        }
        Ok(Self { address, state, _tasks: tasks })
    }

    /// The variables with which functions find it.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        let queues = format!("{}/{ACCOUNT}/{PREFIX}{{worker}}{SUFFIX}", self.address);
        [("JOBS_QUEUE_URL", queues), ("AWS_ENDPOINT_URL_SQS", self.address.clone())]
    }

    /// From now on it delivers what comes to these queues, and refuses what is sent to others.
    pub fn deliver_to(&self, queues: &Queues) {
        lock(&self.state).inboxes = Some(queues.inboxes.clone());
    }

    /// The workers that were nudged so far, oldest first.
    pub fn nudges(&self) -> Vec<String> {
        lock(&self.state).nudges.clone()
    }
}

/// What stands around a worker's name in the name of its queue, in a stack called `local`.
const PREFIX: &str = "local-";
const SUFFIX: &str = "-jobs";

fn lock(state: &Shared) -> MutexGuard<'_, Inner> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(State(state): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let trouble = lock(&state).trouble;
    match trouble {
        Some(Trouble::Silence) => std::future::pending().await,
        Some(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "Try again later."),
        None => match signature::check(uri.path(), &headers, &body, Timestamp::now()) {
            Ok(()) => send(&state, &headers, &body),
            Err((name, words)) => refuse(StatusCode::FORBIDDEN, name, words),
        },
    }
}

fn send(state: &Shared, headers: &HeaderMap, body: &[u8]) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    if target != Some("AmazonSQS.SendMessage")
        || headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != JSON)
    {
        return refuse(
            StatusCode::BAD_REQUEST,
            "UnknownOperationException",
            "Only SendMessage is known here.",
        );
    }
    let sent: Value = serde_json::from_slice(body).unwrap_or_default();
    let (Some(url), Some(text)) = (sent["QueueUrl"].as_str(), sent["MessageBody"].as_str()) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "SerializationException",
            "QueueUrl and MessageBody are needed.",
        );
    };
    let name = url.rsplit('/').next().unwrap_or_default();
    let mut state = lock(state);
    if let Some(inboxes) = &state.inboxes {
        let inbox = inboxes.0.get(name);
        if inbox.is_none_or(|inbox| inbox.send(text.to_owned()).is_err()) {
            let kind = "com.amazonaws.sqs#QueueDoesNotExist";
            return refuse(StatusCode::BAD_REQUEST, kind, "The specified queue does not exist.");
        }
    }
    let worker = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX));
    state.nudges.push(worker.unwrap_or(name).to_owned());
    let md5 = (text == NUDGE).then_some(MD5_OF_NUDGE);
    json_of(StatusCode::OK, &json!({ "MessageId": Uuid::new_v4(), "MD5OfMessageBody": md5 }))
}

const JSON: &str = "application/x-amz-json-1.0";

fn refuse(status: StatusCode, name: &str, words: &str) -> Response {
    json_of(status, &json!({ "__type": name, "message": words }))
}

fn json_of(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}
