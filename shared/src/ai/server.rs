//! A provider's server: one request to it, up to the head of its answer or to the whole of it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::ai::attempts::{Failure, Spending};
use crate::ai::learned::{Learned, TOOL_CHOICE, leave_out};
use crate::ai::refusal::{self, SPOILT_CALL};
use crate::ai::{ModelError, ModelErrorKind, wire};
use crate::http_client::{self, ReadError};

/// The longest error that is read, in bytes, and for how long.
const MAX_ERROR_BYTES: usize = 64 * 1024;
const ERROR_TIME: Duration = Duration::from_secs(3);

/// Where one model is asked.
#[derive(Clone)]
pub(super) struct Server {
    /// Without a slash at its end.
    pub base_url: String,
    /// Sent as a bearer token; none for a server that wants none.
    pub api_key: Option<String>,
    pub learned: Learned,
}

impl Server {
    /// The host of its address, with the port if it says one.
    pub(super) fn host(&self) -> &str {
        let authority = self.base_url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        // A name and a password in an address are nobody's to read.
        authority.rsplit('@').next().unwrap_or_default()
    }
}

/// A request, and what was taken out of it because the provider refused it.
pub(super) struct Request<'a> {
    learned: &'a Learned,
    body: Map<String, Value>,
    left_out: Vec<&'static str>,
}

impl<'a> Request<'a> {
    /// This body, without what the provider is known to refuse.
    pub(super) fn new(server: &'a Server, mut body: Map<String, Value>) -> Request<'a> {
        server.learned.apply(&mut body);
        Request { learned: &server.learned, body, left_out: Vec::new() }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(&self.body).expect("a value of JSON is JSON")
    }

    /// Takes out what this error refuses; false if that is nothing. Each parameter goes once, so it comes to an end.
    pub(super) fn adapt(&mut self, error: &Value) -> bool {
        let mut is_changed = false;
        for name in refusal::refused(error, &self.body) {
            if name == SPOILT_CALL {
                // It may answer once without a call. The next may be better: nothing to remember.
                let choice = self.body.insert(TOOL_CHOICE.to_owned(), json!("none"));
                is_changed |= choice.is_none_or(|choice| choice != "none");
            } else if leave_out(&mut self.body, name) {
                self.left_out.push(name);
                is_changed = true;
            }
        }
        is_changed
    }

    /// Remembers what was left out, now that the rest has been taken.
    pub(super) fn was_taken(&self) {
        self.learned.remember(&self.left_out);
    }
}

impl Server {
    /// One request whose whole answer is JSON of at most `limit` bytes.
    pub(super) async fn post(
        &self,
        path: &str,
        request: &mut Request<'_>,
        limit: usize,
        spending: &mut Spending,
    ) -> Result<Value, ModelError> {
        spending
            .attempt(request, move |body| async move {
                let response = self.open(path, body).await?;
                let answer = json_of(response, limit).await?;
                match wire::error(&answer) {
                    Some(error) => Err(Failure::upstream(error)),
                    None => Ok(answer),
                }
            })
            .await
    }

    /// One attempt up to the head of a successful answer.
    pub(super) async fn open(&self, path: &str, body: String) -> Result<Response, Failure> {
        let mut request = http_client::client()
            .post(format!("{}{path}", self.base_url))
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        if let Some(key) = &self.api_key {
            request = request.bearer_auth(key);
        }
        let response = request.send().await.map_err(|_| Failure::of(ModelErrorKind::Transport))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let error = match status {
            400 | 415 | 422 | 501 => error_of(response).await,
            _ => None,
        };
        Err(Failure { kind: ModelErrorKind::Status(status), retry_after, error })
    }
}

/// The whole answer, of at most `limit` bytes.
pub(super) async fn json_of(response: Response, limit: usize) -> Result<Value, Failure> {
    let answer = http_client::read(response, limit).await.map_err(|error| match error {
        ReadError::TooLarge => Failure::of(ModelErrorKind::Malformed),
        ReadError::Transport(_) => Failure::of(ModelErrorKind::Transport),
    })?;
    serde_json::from_slice(&answer).map_err(|_| Failure::of(ModelErrorKind::Malformed))
}

/// What a refusal says: JSON, or its text.
async fn error_of(response: Response) -> Option<Value> {
    let body = timeout(ERROR_TIME, http_client::read(response, MAX_ERROR_BYTES)).await.ok()?.ok()?;
    Some(serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into()))
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(date.duration_since(Timestamp::now())).unwrap_or_default())
}
