//! One call to the provider: attempts, the waits between them, and the deadline over all of it.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

use crate::ai::error::UpstreamCode;
use crate::ai::server::Request;
use crate::ai::{ModelError, ModelErrorKind, Usage};

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
    pub retry_after: Option<Duration>,
    /// What the provider says about it, where the request may be what it does not like.
    pub error: Option<Value>,
}

impl Spending {
    pub(super) fn new(model: &str, deadline: Duration) -> Spending {
        let started = Instant::now();
        Spending {
            model: model.to_owned(),
            started,
            deadline: started + deadline,
            attempts: 0,
            tokens_in: None,
            tokens_out: None,
        }
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

    /// Makes attempts until one succeeds, none is worth making, or the deadline passes. One whose request is changed
    /// because the provider refused a part of it does not count.
    pub(super) async fn attempt<T, A>(
        &mut self,
        request: &mut Request<'_>,
        attempt: impl Fn(String) -> A,
    ) -> Result<T, ModelError>
    where
        A: Future<Output = Result<T, Failure>>,
    {
        let mut counted = 0;
        loop {
            self.attempts += 1;
            let failure = match timeout_at(self.deadline, attempt(request.text())).await {
                Ok(Ok(value)) => {
                    request.was_taken();
                    return Ok(value);
                }
                Ok(Err(failure)) => failure,
                Err(_) => return Err(self.error(ModelErrorKind::Timeout)),
            };
            if failure.error.as_ref().is_some_and(|error| request.adapt(error)) {
                continue;
            }
            counted += 1;
            let wait = failure.wait(counted);
            if counted >= MAX_ATTEMPTS
                || !failure.kind.is_passing()
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
        Failure { kind, retry_after: None, error: None }
    }

    /// An error that the provider tells inside an answer.
    pub(super) fn upstream(error: &Value) -> Failure {
        let kind = ModelErrorKind::Upstream(UpstreamCode::of(error));
        Failure { error: (!kind.is_passing()).then(|| error.clone()), ..Failure::of(kind) }
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
