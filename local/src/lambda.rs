//! AWS Lambda on a laptop: a fleet of sandboxes that run the functions' real binaries.
//!
//! A sandbox is one process that speaks the Lambda Runtime API. It starts on first need (a real cold
//! start), serves one invocation at a time, is reused while warm, most recently used first, stops when
//! idle, and is killed when an invocation exceeds the function's timeout.

mod environment;
mod fleet;
mod hold;
mod invocation;
mod prelude;
mod runtime_api;
mod sandbox;
mod watchdog;

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::template::Function;
use fleet::Fleet;
pub(crate) use fleet::new_trace_id;
pub use hold::Hold;
pub use prelude::Prelude;
pub(crate) use sandbox::lock;

/// What a synchronous invocation may send and receive: 6 MB and a little
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// The fleet of all functions. Dropping it kills every process that it started.
#[derive(Debug)]
pub struct Lambda {
    fleet: Arc<Fleet>,
}

/// How the fleet behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// A sandbox without work for this long is stopped.
    pub idle_timeout: Duration,
    /// Sandboxes at once, over all functions. Lambda's quota for a new account is 1000.
    pub max_concurrency: usize,
    /// How long a start may take, on top of the function's timeout. Lambda gives 10 seconds.
    pub init_timeout: Duration,
    /// Keeps invocations waiting while the programs are replaced.
    pub hold: Hold,
    /// Build a program before its first use when a source of it is newer: for tests, whose Cargo has built the programs
    /// of one package.
    pub build_stale: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(300),
            max_concurrency: 100,
            init_timeout: Duration::from_secs(10),
            hold: Hold::default(),
            build_stale: false,
        }
    }
}

/// One line that a function wrote, or that Lambda has to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Name of the function.
    pub function: Arc<str>,
    /// Who wrote it.
    pub source: LogSource,
    /// The text without its line end.
    pub line: String,
}

/// Who wrote a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// The function, to standard output: its event stream.
    Stdout,
    /// The function, to standard error.
    Stderr,
    /// Lambda: a crash, a timeout, a failed start.
    Platform,
}

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

impl Lambda {
    /// A fleet for `functions`, whose executables are the files of `binaries` named like
    /// [`Function::binary`]. `environment` overrides the template's variables for every function; an
    /// empty value removes one.
    /// Log lines go to `logs`, per stream in the order they were written. No function starts yet.
    /// Must be called inside a Tokio runtime.
    pub async fn new(
        functions: &[Function],
        binaries: PathBuf,
        environment: BTreeMap<String, String>,
        logs: mpsc::UnboundedSender<LogLine>,
        options: Options,
    ) -> anyhow::Result<Self> {
        Ok(Self { fleet: Fleet::start(functions, binaries, environment, logs, options)? })
    }

    /// Invokes a function by its kebab-case name and waits for its answer, or for the beginning of
    /// a streamed one. Dropping the future does not stop the function.
    pub async fn invoke(
        &self,
        function: &str,
        payload: Bytes,
        context: InvokeContext,
    ) -> Result<Invocation, InvokeError> {
        self.ready(function).await;
        self.invoke_at_once(function, payload, context).await
    }

    /// Invokes also while invocations are held back: for what must come before them.
    pub async fn invoke_at_once(
        &self,
        function: &str,
        payload: Bytes,
        context: InvokeContext,
    ) -> Result<Invocation, InvokeError> {
        self.fleet.invoke(function, payload, context).await
    }

    /// Waits until nothing holds invocations back.
    pub async fn released(&self) {
        self.fleet.options.hold.released().await;
    }

    /// Waits until nothing holds invocations back and the function's program is what it should be. [`Lambda::invoke`] does
    /// so too; whoever counts time from the start of an invocation waits here first.
    pub async fn ready(&self, function: &str) {
        self.fleet.ready(function).await;
    }

    /// Writes a platform line to a function's log, for what happens around it.
    pub fn note(&self, function: &str, line: String) {
        self.fleet.platform_line(function, line);
    }

    /// Lets no running process serve another invocation: idle ones stop now, busy ones after their
    /// answer. For binaries that were built anew.
    pub fn recycle(&self) {
        self.fleet.recycle();
    }

    /// Number of live sandboxes of a function, busy and idle.
    pub fn sandboxes(&self, function: &str) -> usize {
        self.fleet.sandboxes(function)
    }

    /// Kills every sandbox and waits until none is left. Invocations under way end with
    /// [`InvokeError::Stopped`].
    pub async fn shutdown(&self) {
        self.fleet.shutdown().await;
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        self.fleet.kill_all();
    }
}
