//! Secrets from AWS Secrets Manager: by the AWS Parameters and Secrets Lambda Extension, or with the feature
//! `signed-secrets` by a call of its own.

#[cfg(not(feature = "signed-secrets"))]
mod extension;
#[cfg(any(test, feature = "signed-secrets"))]
mod signed;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

#[cfg(not(feature = "signed-secrets"))]
use extension as source;
#[cfg(feature = "signed-secrets")]
use signed as source;

use crate::error::Result;

/// For how long [`get`] answers from memory.
const KEPT: Duration = Duration::from_secs(300);

/// What this sandbox has read, by ARN, and when.
static MEMORY: Mutex<BTreeMap<String, (Instant, String)>> = Mutex::new(BTreeMap::new());

/// The text of the secret `arn`, at most five minutes old. Fails with what its source answered, never with a secret's
/// text.
pub async fn get(arn: &str) -> Result<String> {
    let kept = MEMORY.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned();
    match kept {
        Some((read, text)) if read.elapsed() < KEPT => Ok(text),
        _ => fresh(arn).await,
    }
}

/// The text of the secret `arn` as it is now: for who was refused with the one that [`get`] gave, and for who keeps what
/// it has read itself.
pub async fn fresh(arn: &str) -> Result<String> {
    let text = source::text(arn, None).await?;
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    memory.insert(arn.to_owned(), (Instant::now(), text.clone()));
    Ok(text)
}

/// The text of the version that a rotation prepares, which is not the current one yet. Fails where there is none.
pub async fn pending(arn: &str) -> Result<String> {
    source::text(arn, Some("AWSPENDING")).await
}

/// What both sources answer.
#[derive(serde::Deserialize)]
struct Secret {
    #[serde(rename = "SecretString")]
    text: String,
}
