//! A local cloud on the fixture template, one per test.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use local::{
    gateway::{self, Gateway},
    lambda::{Lambda, LogLine, Options},
    template::Template,
    testkit::examples,
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::mpsc};

pub(crate) struct Cloud {
    pub(crate) gateway: Gateway,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) logs: mpsc::UnboundedReceiver<LogLine>,
    pub(crate) http: reqwest::Client,
}

pub(crate) fn fixture() -> Template {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/template.yaml");
    Template::load(&path, &BTreeMap::new()).unwrap()
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default(), gateway::Options::default()).await
    }

    pub(crate) async fn with(options: Options, gateway: gateway::Options) -> Self {
        Self::of(fixture(), options, gateway).await
    }

    pub(crate) async fn of(template: Template, options: Options, gateway: gateway::Options) -> Self {
        let template = Arc::new(template);
        let (sink, logs) = mpsc::unbounded_channel();
        let environment = BTreeMap::from([("OVERRIDE".to_owned(), "given".to_owned())]);
        let lambda =
            Lambda::new(&template.functions, examples("local"), environment, sink, options).await.unwrap();
        let lambda = Arc::new(lambda);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let gateway = gateway::serve(listener, template, lambda.clone(), gateway).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { gateway, lambda, logs, http }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.url())
    }

    pub(crate) fn get(&self, path: &str, what: &str) -> reqwest::RequestBuilder {
        self.http.get(self.url(path)).header("x-do", what)
    }

    /// Waits for a log line that contains the text.
    pub(crate) async fn log(&mut self, text: &str) -> LogLine {
        let mut seen = Vec::new();
        let wait = async {
            loop {
                let line = self.logs.recv().await.unwrap();
                if line.line.contains(text) {
                    return line;
                }
                seen.push(line);
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(5), wait).await.ok();
        found.unwrap_or_else(|| panic!("no log line with {text:?} in {seen:?}"))
    }
}

pub(crate) async fn answer(request: reqwest::RequestBuilder) -> (u16, reqwest::header::HeaderMap, Value) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.text().await.unwrap();
    (status, headers, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not happen");
}

/// Whether a process exists, zombies not counted.
pub(crate) fn alive(pid: u64) -> bool {
    let output =
        std::process::Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout);
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}
