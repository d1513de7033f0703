//! What an invocation is asked with, and what comes of it: an answer, whole or streamed, or the reason why there is none.

use std::{fmt, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::prelude::Prelude;

/// What a synchronous invocation may send and receive: 6 MB and a little
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// What the caller tells about an invocation. `Default` makes an id.
#[derive(Debug, Clone, Default)]
pub struct InvokeContext {
    /// The invocation's id; a new UUID when `None`.
    pub request_id: Option<String>,
    /// X-Ray trace header; a new unsampled one when `None`.
    pub trace_id: Option<String>,
}

/// The answer of a function.
#[derive(Debug)]
pub enum Invocation {
    /// The whole payload, usually JSON.
    Buffered(Bytes),
    /// A streamed answer that has begun.
    Stream(StreamedInvocation),
}

/// A streamed answer. Dropping it does not stop the function: Lambda lets it run to its end.
#[derive(Debug)]
pub struct StreamedInvocation {
    /// Status and headers, when the function sent an HTTP integration response.
    pub prelude: Option<Prelude>,
    /// The chunks as they arrive. The channel closes after the last one; an error is the last item of
    /// an answer that broke off.
    pub body: mpsc::Receiver<Result<Bytes, InvokeError>>,
}

impl Invocation {
    /// The payload; a stream is collected to its end.
    pub async fn into_bytes(self) -> Result<Bytes, InvokeError> {
        match self {
            Self::Buffered(payload) => Ok(payload),
            Self::Stream(mut stream) => {
                let mut collected = Vec::new();
                while let Some(chunk) = stream.body.recv().await {
                    collected.extend_from_slice(&chunk?);
                }
                Ok(collected.into())
            }
        }
    }
}

/// Why an invocation gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvokeError {
    /// No such function.
    UnknownFunction(String),
    /// The payload is larger than Lambda accepts.
    RequestTooLarge(usize),
    /// Every sandbox is busy and no more are allowed.
    Throttled,
    /// The function did not get ready: an `/init/error` report, or an exit before the first invocation.
    Init {
        /// `Runtime.InitError`, `Runtime.ExitError` …
        error_type: String,
        /// What the function or Lambda said.
        message: String,
    },
    /// The function reported an error for this invocation.
    Function {
        /// Type as the runtime reported it.
        error_type: String,
        /// The function's message.
        message: String,
    },
    /// The process ended, or its connection broke, in the middle of the invocation.
    Crashed(String),
    /// The function's timeout passed; the sandbox was killed.
    TimedOut(Duration),
    /// The answer is larger than Lambda returns.
    ResponseTooLarge(usize),
    /// The fleet was shut down.
    Stopped,
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFunction(name) => write!(f, "no function named {name}"),
            Self::RequestTooLarge(size) => {
                write!(f, "the request of {size} bytes exceeds Lambda's limit of {PAYLOAD_LIMIT} bytes")
            }
            Self::Throttled => write!(f, "Rate Exceeded: every sandbox is busy"),
            Self::Init { error_type, message } => {
                write!(f, "the function did not start: {error_type}: {message}")
            }
            Self::Function { error_type, message } => write!(f, "{error_type}: {message}"),
            Self::Crashed(how) => write!(f, "Runtime exited: {how}"),
            Self::TimedOut(after) => write!(f, "Task timed out after {:.2} seconds", after.as_secs_f64()),
            Self::ResponseTooLarge(size) => {
                write!(
                    f,
                    "Response payload size ({size} bytes) exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes)."
                )
            }
            Self::Stopped => write!(f, "the local Lambda was stopped"),
        }
    }
}

impl std::error::Error for InvokeError {}
