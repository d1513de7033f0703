//! The local cloud of a measurement, with what the functions log, and their sample events.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use reqwest::{StatusCode, Url, header::HeaderMap};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

use super::{Setup, processes};
use crate::{
    cloud,
    gateway::{self, Gateway},
    lambda::{InvokeContext, Lambda, LogLine, Options},
    project,
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
        let environment = cloud::environment(url, &over)?;
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
        let answer = answer.into_bytes().await.with_context(|| format!("{function} failed"))?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let status = answer["statusCode"].as_u64().unwrap_or(200);
        ensure!((200..400).contains(&status), "{function} answers {answer}");
        Ok(answer)
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

/// The text of a function's sample event.
///
/// # Errors
/// When there is none.
pub(super) fn sample_event(function: &str) -> Result<String> {
    let (package, _) =
        project::function_source(function).with_context(|| format!("no package has {function}"))?;
    let file = project::root().join("events").join(package).join(format!("{function}.json"));
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// The HTTP request that a sample event stands for.
pub(super) struct Request {
    method: reqwest::Method,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    /// Reads an event of Lambda proxy integration.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn of(event: &str) -> Result<Self> {
        let event: Value = serde_json::from_str(event)?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("not the event of a route");
        let pairs = |value: &Value| -> Result<Vec<(String, String)>> {
            let members = value.as_object().into_iter().flatten();
            members.map(|(name, value)| Ok((name.clone(), text(value)?))).collect()
        };
        let query = pairs(&event["queryStringParameters"])?;
        let path = text(&event["path"])?;
        let mut headers = pairs(&event["headers"])?;
        // What the client and the gateway write themselves.
        headers.retain(|(name, _)| !name.starts_with("X-Forwarded") && name != "Host");
        let body = event["body"].as_str().map(str::to_owned);
        Ok(Self { method: text(&event["httpMethod"])?.parse()?, path, query, headers, body })
    }

    /// Sends it to the gateway at `base` and gives the answer's head when the whole answer is there.
    ///
    /// # Errors
    /// When nothing answers.
    pub(super) async fn send(&self, client: &reqwest::Client, base: &str) -> Result<Head> {
        let address = format!("{base}{}", self.path);
        let address = match self.query.is_empty() {
            true => Url::parse(&address)?,
            false => Url::parse_with_params(&address, &self.query)?,
        };
        let mut request = client.request(self.method.clone(), address);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(body.clone());
        }
        let answer = request.send().await?;
        let head = Head { status: answer.status(), headers: answer.headers().clone() };
        answer.bytes().await?;
        Ok(head)
    }
}

/// An answer without its body.
pub(super) struct Head {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers.
    pub(super) headers: HeaderMap,
}

impl Head {
    /// Whether the route did what it was asked; one of a sign-in sends the browser on.
    pub(super) fn is_good(&self) -> bool {
        self.status.is_success() || self.status.is_redirection()
    }
}
