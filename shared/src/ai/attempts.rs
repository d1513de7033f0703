//! One call to the provider: attempts, the waits between them, and the deadline over all of it.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::ai::{Model, ModelError, ModelErrorKind, Usage};
use crate::http_client::{self, ReadError};

const MAX_ATTEMPTS: u32 = 3;
/// Before the second attempt the wait is up to this, and up to twice as long before each further one.
const BASE_WAIT: Duration = Duration::from_millis(300);
/// What must be left of the deadline after a wait; less would only be another failure.
const USEFUL_REST: Duration = Duration::from_millis(250);

/// What a call has cost so far, and how long it may go on.
pub(super) struct Spending {
    model: String,
    started: Instant,
    pub deadline: Instant,
    attempts: u32,
    tokens_in: Option<i32>,
    tokens_out: Option<i32>,
}

/// A failed attempt.
pub(super) struct Failure {
    pub kind: ModelErrorKind,
    /// The provider's `Retry-After`.
    retry_after: Option<Duration>,
}

impl Spending {
    pub(super) fn new(model: &Model) -> Spending {
        let started = Instant::now();
        Spending {
            model: model.chat_model.clone(),
            started,
            deadline: started + model.deadline,
            attempts: 0,
            tokens_in: None,
            tokens_out: None,
        }
    }

    pub(super) fn with_model(mut self, model: &str) -> Spending {
        model.clone_into(&mut self.model);
        self
    }

    /// Adds tokens, in and out.
    pub(super) fn count(&mut self, (tokens_in, tokens_out): (Option<i32>, Option<i32>)) {
        let sum = |so_far: Option<i32>, more: Option<i32>| match (so_far, more) {
            (Some(so_far), Some(more)) => Some(so_far.saturating_add(more)),
            (so_far, more) => so_far.or(more),
        };
        self.tokens_in = sum(self.tokens_in, tokens_in);
        self.tokens_out = sum(self.tokens_out, tokens_out);
    }

    pub(super) fn usage(&self) -> Usage {
        Usage {
            model: self.model.clone(),
            latency: self.started.elapsed(),
            tokens_in: self.tokens_in,
            tokens_out: self.tokens_out,
            attempts: self.attempts,
        }
    }

    pub(super) fn error(&self, kind: ModelErrorKind) -> ModelError {
        ModelError::new(kind, self.usage())
    }

    /// The outcome with what it cost, if it is a failure.
    pub(super) fn outcome<T>(&self, outcome: Result<T, ModelErrorKind>) -> Result<T, ModelError> {
        outcome.map_err(|kind| self.error(kind))
    }

    /// Makes attempts until one succeeds, none is worth making, or the deadline passes.
    pub(super) async fn attempt<T, A>(&mut self, attempt: impl Fn() -> A) -> Result<T, ModelError>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let last = self.attempts + MAX_ATTEMPTS;
        loop {
            self.attempts += 1;
            let failure = match timeout_at(self.deadline, attempt()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(failure)) => failure,
                Err(_) => return Err(self.error(ModelErrorKind::Timeout)),
            };
            let wait = failure.wait(self.attempts + MAX_ATTEMPTS - last);
            if self.attempts >= last
                || !failure.is_passing()
                || Instant::now() + wait + USEFUL_REST > self.deadline
            {
                return Err(self.error(failure.kind));
            }
            sleep(wait).await;
        }
    }
}

impl Failure {
    pub(super) fn of(kind: ModelErrorKind) -> Failure {
        Failure { kind, retry_after: None }
    }

    /// Whether the same request may succeed a moment later.
    fn is_passing(&self) -> bool {
        matches!(self.kind, ModelErrorKind::Transport | ModelErrorKind::Status(408 | 425 | 429 | 500..=599))
    }

    /// How long to wait after the `attempt`th attempt: anything up to a doubling limit ("full jitter", so that many
    /// callers do not come back together), after what the provider asked for.
    /// Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
    fn wait(&self, attempt: u32) -> Duration {
        // A random UUID's last 32 bits save a dependency on a generator of random numbers.
        let fraction = f64::from(Uuid::new_v4().as_u128() as u32) / f64::from(u32::MAX);
        let jitter = (BASE_WAIT * 2_u32.saturating_pow(attempt.saturating_sub(1))).mul_f64(fraction);
        self.retry_after.unwrap_or_default().saturating_add(jitter)
    }
}

impl Model {
    /// One request whose whole answer is JSON of at most `limit` bytes.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &Value,
        limit: usize,
        spending: &mut Spending,
    ) -> Result<Value, ModelError> {
        let body = &body.to_string();
        spending
            .attempt(move || async move {
                let response = self.open(path, body.clone()).await?;
                let answer = http_client::read(response, limit).await.map_err(|error| match error {
                    ReadError::TooLarge => Failure::of(ModelErrorKind::Malformed),
                    ReadError::Transport(_) => Failure::of(ModelErrorKind::Transport),
                })?;
                serde_json::from_slice(&answer).map_err(|_| Failure::of(ModelErrorKind::Malformed))
            })
            .await
    }

    /// One attempt up to the head of a successful answer.
    pub(super) async fn open(&self, path: &str, body: String) -> Result<Response, Failure> {
        let response = http_client::client()
            .post(format!("{}{path}", self.base_url))
            .bearer_auth(&self.api_key)
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(|_| Failure::of(ModelErrorKind::Transport))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let kind = ModelErrorKind::Status(response.status().as_u16());
        Err(Failure { kind, retry_after: retry_after(response.headers()) })
    }
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
