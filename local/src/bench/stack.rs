//! The local cloud of a measurement, with what the functions log.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use super::{processes, setup::Setup};
use crate::{
    cloud,
    gateway::{self, Gateway},
    lambda::{Invocation, InvokeContext, Lambda, LogLine, Options},
    postgres::Addresses,
};

/// A running cloud. Everything in it ends when it is dropped.
pub(super) struct Stack {
    /// The front door.
    pub(super) gateway: Gateway,
    lambda: Arc<Lambda>,
    lines: mpsc::UnboundedReceiver<LogLine>,
    binaries: PathBuf,
}

impl Stack {
    /// Runs the functions on the database at `url`, with `settings` above the usual ones.
    ///
    /// # Errors
    /// When there is no free port.
    pub(super) async fn start(setup: &Setup, url: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let mut over = setup.provider.settings();
        over.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let environment = cloud::environment(&Addresses::one(url), &over)?;
        let functions: Vec<_> = setup.functions.iter().map(|function| function.function.clone()).collect();
        let (sender, lines) = mpsc::unbounded_channel();
        // Enough for every client of the largest load in every function at once: none is evicted, so that the
        // processor time of all can be read.
        let options = Options { max_concurrency: 512, ..Options::default() };
        let binaries = setup.binaries.clone();
        let lambda = Arc::new(Lambda::new(&functions, binaries.clone(), environment, sender, options).await?);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let options = gateway::Options { throttle: false, ..gateway::Options::default() };
        let gateway = gateway::serve(listener, Arc::clone(&setup.template), Arc::clone(&lambda), options)?;
        Ok(Self { gateway, lambda, lines, binaries })
    }

    /// Invokes a function and gives its answer. An HTTP route must answer 2xx or 3xx.
    ///
    /// # Errors
    /// When the function fails or refuses.
    pub(super) async fn invoke(&self, function: &str, event: Bytes) -> Result<Value> {
        let answer = self.lambda.invoke(function, event, InvokeContext::default()).await;
        let answer = answer.with_context(|| format!("{function} failed"))?;
        let streamed = match &answer {
            Invocation::Stream(stream) => stream.prelude.as_ref().map(|prelude| prelude.status),
            Invocation::Buffered(_) => None,
        };
        let answer = answer.into_bytes().await.with_context(|| format!("{function} failed"))?;
        let answer: Value = match streamed {
            Some(status) => json!({ "statusCode": status, "body": String::from_utf8_lossy(&answer) }),
            None => serde_json::from_slice(&answer)?,
        };
        let status = answer["statusCode"].as_u64().unwrap_or(200);
        ensure!((200..400).contains(&status), "{function} answers {answer}");
        Ok(answer)
    }

    /// Ends the idle processes of all functions: each next invocation gets a new one.
    pub(super) fn recycle(&self) {
        self.lambda.recycle();
    }

    /// The next `count` lines about invocations. A line can come a moment after the answer.
    ///
    /// # Errors
    /// When they do not come.
    pub(super) async fn lines(&mut self, count: usize) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        while found.len() < count {
            let line = tokio::time::timeout(Duration::from_secs(10), self.lines.recv()).await;
            let Ok(Some(line)) = line else { bail!("{} of {count} log lines came", found.len()) };
            found.extend(invocation(&line));
        }
        Ok(found)
    }

    /// The line about the next invocation of `function`; those about others before it are skipped.
    ///
    /// # Errors
    /// When it does not come.
    pub(super) async fn line_of(&mut self, function: &str) -> Result<Value> {
        loop {
            let line = self.lines(1).await?.remove(0);
            if line["function"] == function {
                return Ok(line);
            }
        }
    }

    /// The lines about invocations that have come so far.
    pub(super) fn lines_so_far(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.lines.try_recv().ok()).filter_map(|line| invocation(&line)).collect()
    }

    /// The processes that run `binary`.
    pub(super) fn processes(&self, binary: &str) -> Vec<u32> {
        // A link in the way to the build directory would hide them.
        let program = std::fs::canonicalize(self.binaries.join(binary));
        program.map(|program| processes::children_of(&program)).unwrap_or_default()
    }

    /// Processor time of all processes that run `binary`, in milliseconds.
    pub(super) fn cpu_ms(&self, binary: &str) -> Option<f64> {
        let times: Vec<_> = self.processes(binary).into_iter().filter_map(processes::cpu_ms).collect();
        (!times.is_empty()).then(|| times.iter().sum())
    }

    /// Ends everything and waits for it.
    pub(super) async fn stop(self) {
        self.gateway.shutdown().await;
        self.lambda.shutdown().await;
    }
}

/// The line about one invocation, if `line` is one.
fn invocation(line: &LogLine) -> Option<Value> {
    let line: Value = serde_json::from_str(&line.line).ok()?;
    matches!(line["type"].as_str(), Some("request" | "job")).then_some(line)
}

/// A number of a log line.
///
/// # Errors
/// When it is missing.
pub(super) fn number(line: &Value, name: &str) -> Result<f64> {
    line[name].as_f64().with_context(|| format!("no {name} in the log line {line}"))
}
