//! A rotation of the keys, in the four steps of Secrets Manager.
//!
//! Each step may come again, at any time: after a crash, by a retry, twice at once. What a version holds is never
//! changed, so that a step finds what an earlier run of it has done. The public halves are stored before anybody can
//! sign with the new key.
//! Source: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>

use jiff::Timestamp;
use serde_json::Value;
use shared::prelude::*;
use shared::settings;

use crate::key_set::KeySet;
use crate::store::{CURRENT, PENDING, Store};

/// How long a function may use a public set before it reads it again, in seconds.
const CACHED: i64 = 300;

text_enum! {
    /// A step of a rotation, in their order.
    pub enum Step {
        Create = "createSecret",
        Set = "setSecret",
        Test = "testSecret",
        Finish = "finishSecret",
    }
}

/// What Secrets Manager sends.
#[input]
pub struct Rotation {
    /// What to do.
    #[deserr(rename = "Step")]
    pub step: Step,
    /// The secret with the private keys.
    #[deserr(rename = "SecretId")]
    pub secret: Text<1, 2048>,
    /// The rotation's name, which is also the id of the version that it prepares.
    #[deserr(rename = "ClientRequestToken")]
    pub token: Text<32, 64>,
}

/// What a step has done, for the log.
#[answer]
pub struct Rotated {
    step: Step,
    /// The new key.
    kid: Option<String>,
    /// Nothing was left to do: the version is already the one that everybody reads.
    already_current: bool,
}

/// Does one step. Refuses, as AWS' own rotation functions do, a secret that does not rotate, and a version that is not
/// the one being prepared.
pub async fn rotate(store: &Store, rotation: &Rotation) -> Result<Rotated> {
    let (step, secret, token) = (rotation.step, rotation.secret.as_str(), rotation.token.as_str());
    let described = store.describe(secret).await?;
    if !described.rotates {
        return Err(conflict("rotation is not enabled for this secret"));
    }
    if !described.stages.contains_key(token) {
        return Err(conflict("the secret has no such version"));
    }
    if described.has(token, CURRENT) {
        return Ok(Rotated { step, kid: None, already_current: true });
    }
    if !described.has(token, PENDING) {
        return Err(conflict("this version is not the one being prepared"));
    }
    if step == Step::Create {
        create(store, secret, token).await?;
    }
    let pending = store.pending(secret, token).await?;
    let pending =
        pending.ok_or_else(|| conflict("this version has no text yet: createSecret comes first"))?;
    let pending = KeySet::parse(&pending.text)?;
    match step {
        Step::Create => {}
        Step::Set => publish(store, &pending).await?,
        Step::Test => test(store, secret, &pending).await?,
        Step::Finish => {
            // Steps come again in any order of failures: nobody signs with a key that is not published.
            test(store, secret, &pending).await?;
            let from = described.version(CURRENT).ok_or_else(|| conflict("no version is the current one"))?;
            store.make_current(secret, from, token).await?;
        }
    }
    Ok(Rotated { step, kid: pending.newest().map(|key| key.kid.clone()), already_current: false })
}

/// Prepares the set with one more key, unless an earlier run has.
async fn create(store: &Store, secret: &str, token: &str) -> Result<()> {
    if store.pending(secret, token).await?.is_some() {
        return Ok(());
    }
    let current = store.current(secret).await?;
    let current = current.ok_or_else(|| conflict("the secret is empty: store a first set of keys"))?;
    let mut set = KeySet::parse(&current.text)?;
    set.rotate(Timestamp::now())?;
    store.prepare(secret, token, set.text()?).await
}

/// Stores the public halves, unless they are.
async fn publish(store: &Store, pending: &KeySet) -> Result<()> {
    let (secret, public) = (public_secret()?, pending.public());
    let stored = store.current(&secret).await?;
    let is_stored = stored.is_some_and(|stored| {
        serde_json::from_str::<Value>(&stored.text).is_ok_and(|stored| stored == public)
    });
    if !is_stored {
        store.put(&secret, serde_json::to_string_pretty(&public)?).await?;
    }
    Ok(())
}

/// Whether everybody can verify what the new key will sign. A rotation that was interrupted for long goes on with a key
/// whose time has come: then everybody must have had the time to read it. When a schedule is set up, Secrets Manager
/// tests with a copy of the current version, which has no new key.
async fn test(store: &Store, secret: &str, pending: &KeySet) -> Result<()> {
    let published = store.current(&public_secret()?).await?;
    let published = published.ok_or_else(|| conflict("no public keys are stored: setSecret comes first"))?;
    let jwks = serde_json::from_str(&published.text).unwrap_or(Value::Null);
    if !pending.is_verified_by(&jwks)? {
        return Err(conflict("the public keys do not verify what the new key signs: setSecret comes first"));
    }
    let current = store.current(secret).await?.and_then(|current| KeySet::parse(&current.text).ok());
    if current.is_some_and(|current| current.lacks(pending).is_empty()) {
        return Ok(());
    }
    let signs_from = pending.newest().map_or(i64::MIN, |key| key.nbf).max(Timestamp::now().as_second());
    if published.created.saturating_add(CACHED) > signs_from {
        return Err(conflict("the new key is not published for long enough: try again in five minutes"));
    }
    Ok(())
}

/// The secret with the public halves. A deployment without keys of its own has this function too, and never calls it: so
/// it is no error of the start.
fn public_secret() -> Result<String> {
    settings::find("AUTH_JWKS_SECRET_ARN").ok_or_else(|| conflict("AUTH_JWKS_SECRET_ARN must be set"))
}
