//! AWS Lambda on a laptop: a fleet of sandboxes that run the functions' real binaries.
//!
//! A sandbox is one process that speaks the Lambda Runtime API. It starts on first need (a real cold
//! start), serves one invocation at a time, is reused while warm, most recently used first, stops when
//! idle, and is killed when an invocation exceeds the function's timeout.

mod answer;
mod environment;
mod fleet;
mod hold;
mod invocation;
mod log_line;
mod options;
mod prelude;
mod runtime_api;
mod sandbox;
mod watchdog;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::template::Function;
pub use answer::{Invocation, InvokeContext, InvokeError, PAYLOAD_LIMIT, StreamedInvocation};
pub(crate) use environment::CREDENTIALS;
use fleet::Fleet;
pub(crate) use fleet::new_trace_id;
pub use hold::Hold;
use invocation::Request;
pub use log_line::{LogLine, LogSource};
pub use options::Options;
pub use prelude::Prelude;
pub(crate) use sandbox::lock;

/// The fleet of all functions. Dropping it kills every process that it started.
#[derive(Debug)]
pub struct Lambda {
    fleet: Arc<Fleet>,
}

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
        if payload.len() > PAYLOAD_LIMIT {
            return Err(InvokeError::RequestTooLarge(payload.len()));
        }
        let (reply, answer) = oneshot::channel();
        let request = Request {
            request_id: context.request_id.unwrap_or_else(|| Uuid::new_v4().to_string()),
            trace_id: context.trace_id.unwrap_or_else(new_trace_id),
            payload,
            reply,
        };
        tokio::spawn(invocation::run(self.fleet.clone(), function.to_owned(), request));
        answer.await.unwrap_or(Err(InvokeError::Stopped))
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

    /// Kills a function's processes, as a machine that fails does. Invocations under way end with [`InvokeError::Crashed`],
    /// and the next one gets a new process.
    pub fn crash(&self, function: &str) {
        self.fleet.crash(function);
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
