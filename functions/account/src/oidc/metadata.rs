//! What a provider publishes of itself, its discovery document and its keys, kept for ten minutes per sandbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{StatusCode, Url};
use serde_json::Value;
use shared::auth::{VerifyingKey, verifying_keys};
use tokio::sync::Mutex;

use super::failure::Failure;
use super::http;

/// After that, a key that the provider withdrew is believed no more.
const LIFETIME: Duration = Duration::from_secs(600);

/// What is used of it (OpenID Connect Discovery 1.0, section 3). What is not, may be of any form.
#[derive(Clone)]
pub(super) struct Metadata {
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    /// Whether the client's secret may come by HTTP Basic authentication, as it may unless the provider says otherwise.
    pub(super) takes_basic: bool,
    /// By their ids.
    pub(super) keys: Arc<HashMap<String, Arc<VerifyingKey>>>,
}

/// A function serves one provider, so there is one to keep, with the time when it was fetched.
static PUBLISHED: Mutex<Option<(Metadata, Instant)>> = Mutex::const_new(None);

/// What `issuer` publishes, and whether it was fetched just now.
pub(super) async fn get(issuer: &str) -> Result<(Metadata, bool), Failure> {
    let kept = PUBLISHED.lock().await.clone();
    match kept {
        Some((metadata, fetched_at)) if fetched_at.elapsed() < LIFETIME => Ok((metadata, false)),
        _ => Ok((fetch(issuer).await?, true)),
    }
}

/// The same, fetched anew: a token may be signed with a key that was published a moment ago.
pub(super) async fn fetch(issuer: &str) -> Result<Metadata, Failure> {
    let unreadable = || Failure::outage("the provider's discovery document or keys cannot be read");
    let well_known = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let document = document(Url::parse(&well_known).map_err(|_| unreadable())?).await?;
    let document: Value = serde_json::from_slice(&document).map_err(|_| unreadable())?;
    if document["issuer"].as_str() != Some(issuer) {
        return Err(Failure::outage("the provider's discovery document is another issuer's"));
    }
    let address = |name: &str| {
        let text = document[name].as_str().ok_or_else(unreadable)?;
        Url::parse(text).map_err(|_| unreadable())
    };
    let methods = document["token_endpoint_auth_methods_supported"].as_array();
    let keys = self::document(address("jwks_uri")?).await?;
    let metadata = Metadata {
        authorization_endpoint: address("authorization_endpoint")?,
        token_endpoint: address("token_endpoint")?,
        takes_basic: methods
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")),
        keys: Arc::new(verifying_keys(&keys).map_err(|_| unreadable())?),
    };
    *PUBLISHED.lock().await = Some((metadata.clone(), Instant::now()));
    Ok(metadata)
}

async fn document(address: Url) -> Result<Vec<u8>, Failure> {
    let answer = http::get(address).await?;
    match answer.status {
        StatusCode::OK => Ok(answer.body),
        _ => Err(Failure::outage("the provider refused its discovery document or its keys")),
    }
}
