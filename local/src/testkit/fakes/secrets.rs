//! The AWS Parameters and Secrets Lambda Extension: the local endpoint that functions read secrets from.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;

type Texts = Arc<Mutex<BTreeMap<String, String>>>;

/// The running endpoint. It stops when dropped.
pub struct Secrets {
    port: String,
    texts: Texts,
    task: tokio::task::JoinHandle<()>,
}

impl Secrets {
    /// An endpoint that knows no secret yet.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start() -> Self {
        let texts = Texts::default();
        let route = Router::new().route("/secretsmanager/get", get(secret)).with_state(Arc::clone(&texts));
        let (address, task) = super::serve(route).await;
        let (_, port) = address.rsplit_once(':').expect("an address has a port");
        Self { port: port.to_owned(), texts, task }
    }

    /// The value for `PARAMETERS_SECRETS_EXTENSION_HTTP_PORT`.
    pub fn port(&self) -> &str {
        &self.port
    }

    /// Makes `text` the secret of this ARN.
    pub fn put(&self, arn: &str, text: impl Into<String>) {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned(), text.into());
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn secret(State(texts): State<Texts>, uri: Uri, headers: HeaderMap) -> Response {
    // The real one wants the sandbox's own session token, so that no web page can ask it.
    if headers.get("x-aws-parameters-secrets-token").is_none_or(|token| token.is_empty()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let texts = texts.lock().unwrap_or_else(PoisonError::into_inner);
    let url = reqwest::Url::parse(&format!("http://localhost{uri}")).expect("the address of a request");
    let arn = url.query_pairs().find_map(|(name, value)| (name == "secretId").then(|| value.into_owned()));
    match arn.and_then(|arn| Some((texts.get(&arn)?.clone(), arn))) {
        Some((text, arn)) => json!({"ARN": arn, "SecretString": text}).to_string().into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}
