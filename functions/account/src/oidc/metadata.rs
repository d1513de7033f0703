//! What a provider publishes of itself, its discovery document and its keys, kept for ten minutes per sandbox.

use std::time::{Duration, Instant};

use openidconnect::IssuerUrl;
use openidconnect::core::CoreProviderMetadata;
use tokio::sync::Mutex;

use super::failure::Failure;
use super::http;

/// After that, a key that the provider withdrew is believed no more.
const LIFETIME: Duration = Duration::from_secs(600);

/// A function serves one provider, so there is one to keep, with the time when it was fetched.
static PUBLISHED: Mutex<Option<(CoreProviderMetadata, Instant)>> = Mutex::const_new(None);

/// What `issuer` publishes, and whether it was fetched just now.
pub(super) async fn get(issuer: &IssuerUrl) -> Result<(CoreProviderMetadata, bool), Failure> {
    let kept = PUBLISHED.lock().await.clone();
    match kept {
        Some((metadata, fetched_at)) if fetched_at.elapsed() < LIFETIME => Ok((metadata, false)),
        _ => Ok((fetch(issuer).await?, true)),
    }
}

/// The same, fetched anew: a token may be signed with a key that was published a moment ago.
pub(super) async fn fetch(issuer: &IssuerUrl) -> Result<CoreProviderMetadata, Failure> {
    let metadata = CoreProviderMetadata::discover_async(issuer.clone(), &http::send).await?;
    *PUBLISHED.lock().await = Some((metadata.clone(), Instant::now()));
    Ok(metadata)
}
