//! The AWS Parameters and Secrets Lambda Extension: the local endpoint that functions read secrets from.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

/// The running endpoint. It stops when dropped.
pub struct Secrets {
    port: String,
    kept: Arc<Mutex<Kept>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Kept {
    /// The texts, by ARN and by the label of their version.
    texts: BTreeMap<(String, String), String>,
    /// How long an answer is given again.
    ttl: Duration,
    /// What was answered, by the whole question.
    cache: BTreeMap<String, (Instant, String)>,
    /// How often each ARN was asked for.
    asked: BTreeMap<String, usize>,
}

impl Secrets {
    /// An endpoint that knows no secret yet, and keeps nothing in a cache.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start() -> Self {
        Self::caching(Duration::ZERO).await
    }

    /// An endpoint that answers from its cache, as the real one does for `SECRETS_MANAGER_TTL` seconds (default 300).
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn caching(ttl: Duration) -> Self {
        let kept = Arc::new(Mutex::new(Kept { ttl, ..Kept::default() }));
        let route = Router::new().route("/secretsmanager/get", get(secret)).with_state(Arc::clone(&kept));
        let (address, task) = super::serve(route).await;
        let (_, port) = address.rsplit_once(':').expect("an address has a port");
        Self { port: port.to_owned(), kept, task }
    }

    /// The value for `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT`.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Makes `text` the secret of this ARN.
    pub fn put(&self, arn: &str, text: impl Into<String>) {
        lock(&self.kept).texts.insert((arn.to_owned(), "AWSCURRENT".to_owned()), text.into());
    }

    /// Makes `text` what a rotation prepares for this ARN.
    pub fn put_pending(&self, arn: &str, text: impl Into<String>) {
        lock(&self.kept).texts.insert((arn.to_owned(), "AWSPENDING".to_owned()), text.into());
    }

    /// How often functions asked for this ARN so far.
    pub fn asked(&self, arn: &str) -> usize {
        lock(&self.kept).asked.get(arn).copied().unwrap_or_default()
    }

    /// Ends a rotation: what it prepared is the secret now.
    pub fn finish(&self, arn: &str) {
        let pending = lock(&self.kept).texts.remove(&(arn.to_owned(), "AWSPENDING".to_owned()));
        self.put(arn, pending.expect("a rotation"));
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn secret(State(kept): State<Arc<Mutex<Kept>>>, uri: Uri, headers: HeaderMap) -> Response {
    // The real one wants the sandbox's own session token, so that no web page can ask it.
    if headers.get("x-aws-parameters-secrets-token").is_none_or(|token| token.is_empty()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let url = reqwest::Url::parse(&format!("http://localhost{uri}")).expect("the address of a request");
    let value =
        |name: &str| url.query_pairs().find_map(|(found, value)| (found == name).then(|| value.into_owned()));
    let arn = value("secretId").unwrap_or_default();
    let stage = value("versionStage").unwrap_or_else(|| "AWSCURRENT".to_owned());
    let question = uri.to_string();
    let mut kept = lock(&kept);
    *kept.asked.entry(arn.clone()).or_default() += 1;
    let ttl = kept.ttl;
    if let Some((at, answer)) = kept.cache.get(&question)
        && at.elapsed() < ttl
    {
        return answer.clone().into_response();
    }
    let Some(text) = kept.texts.get(&(arn.clone(), stage)) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answer = json!({"ARN": arn, "SecretString": text}).to_string();
    kept.cache.insert(question, (Instant::now(), answer.clone()));
    answer.into_response()
}
