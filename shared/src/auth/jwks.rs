//! The keys of an issuer (JWK set, RFC 7517), cached per sandbox.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::error::{Result, internal};
use crate::{fetch, secrets};

/// How long a fetched set is used without asking again.
const FRESH: Duration = Duration::from_secs(300);
/// How long after that it still serves while the issuer cannot be reached.
const STALE: Duration = Duration::from_secs(3600);
/// After a fetch for an unknown key: how long a key that is not in the set is taken not to exist. One moment for all
/// key ids is the negative cache that no flood of invented ids can outgrow or get past.
const UNKNOWN_COOL_DOWN: Duration = Duration::from_secs(30);
/// After a failed fetch: how long the next one waits, so that an outage does not cost every request a timeout.
const FAILURE_COOL_DOWN: Duration = Duration::from_secs(5);
/// A fetch's total time.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A set of a hundred keys is under this.
const MAX_BYTES: usize = 256 * 1024;

/// A key that verifies signatures, with the one algorithm that it is for.
pub struct Key {
    /// The key.
    pub key: DecodingKey,
    /// Its algorithm.
    pub algorithm: Algorithm,
}

impl Key {
    /// Whether it made `signature` (base64url) over `message`.
    pub fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.key, self.algorithm).unwrap_or(false)
    }
}

/// What the set says about a key id.
pub(super) enum Lookup {
    Found(Arc<Key>),
    /// The set is known and has no such key.
    Unknown,
    /// There is no set: none was ever fetched, or the last one is too old.
    Unreachable,
}

/// Where a set is.
pub(super) enum Source {
    /// What the issuer publishes.
    Url(String),
    /// A file, with or without private halves.
    File(PathBuf),
    /// The set itself.
    Text(String),
    /// The ARN of a secret with the set as its text.
    Secret(String),
}

impl Source {
    /// The text of the set, as it is now.
    pub(super) async fn read(&self) -> Result<Vec<u8>> {
        match self {
            Source::Url(url) => {
                let (status, body) = fetch::get(url, &[], TIMEOUT, MAX_BYTES).await.map_err(internal)?;
                match status.is_success() {
                    true => Ok(body.into()),
                    false => Err(internal(format!("the key set's address answered {status}"))),
                }
            }
            Source::File(path) => Ok(std::fs::read(path)?),
            Source::Text(text) => Ok(text.clone().into_bytes()),
            Source::Secret(arn) => Ok(secrets::fresh(arn).await?.into_bytes()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Url(place) | Source::Secret(place) => f.write_str(place),
            Source::File(path) => path.display().fmt(f),
            Source::Text(_) => f.write_str("AUTH_KEYS"),
        }
    }
}

/// One set.
pub(super) struct KeySet {
    source: Source,
    state: Mutex<State>,
    /// Held while fetching, so that one fetch serves all who wait for it.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: Arc<HashMap<String, Arc<Key>>>,
    /// When `keys` came.
    fetched: Option<Instant>,
    failed: Option<Instant>,
    /// When a fetch for an unknown key was made.
    searched: Option<Instant>,
    /// Counts the fetches, failed ones too.
    fetches: u64,
}

impl KeySet {
    pub(super) fn new(source: Source) -> KeySet {
        KeySet { source, state: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The key `kid`; fetches the set when it is old, and, if `search`, when it lacks the key (keys rotate).
    pub(super) async fn find(&self, kid: &str, search: bool) -> Lookup {
        let seen = self.state();
        if !seen.wants_fetch(kid, search) {
            return seen.lookup(kid);
        }
        let _only_one = self.fetching.lock().await;
        let now = self.state();
        // Whoever held the lock before has fetched: their answer, good or bad, is ours.
        if now.fetches == seen.fetches {
            self.fetch(&now).await;
        }
        self.state().lookup(kid)
    }

    async fn fetch(&self, before: &State) {
        let was_fresh = before.is_fresh();
        let keys = self.source.read().await.and_then(|text| parse(&text));
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fetches += 1;
        if was_fresh {
            state.searched = Some(now);
        }
        match keys {
            Ok(keys) => {
                state.keys = Arc::new(keys);
                state.fetched = Some(now);
                state.failed = None;
            }
            Err(error) => {
                state.failed = Some(now);
                tracing::warn!(source = %self.source, cause = error.cause(), "the key set could not be fetched");
            }
        }
    }

    fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    fn is_fresh(&self) -> bool {
        self.fetched.is_some_and(|at| at.elapsed() < FRESH)
    }

    fn wants_fetch(&self, kid: &str, search: bool) -> bool {
        if self.failed.is_some_and(|at| at.elapsed() < FAILURE_COOL_DOWN) {
            return false;
        }
        let searched = self.searched.is_some_and(|at| at.elapsed() < UNKNOWN_COOL_DOWN);
        !self.is_fresh() || (search && !searched && !self.keys.contains_key(kid))
    }

    fn lookup(&self, kid: &str) -> Lookup {
        if self.fetched.is_none_or(|at| at.elapsed() >= FRESH + STALE) {
            return Lookup::Unreachable;
        }
        self.keys.get(kid).map_or(Lookup::Unknown, |key| Lookup::Found(Arc::clone(key)))
    }
}

/// The keys of a set's text by their ids. What is not understood is left out; a text that is no set is a 500.
pub fn parse(text: &[u8]) -> Result<HashMap<String, Arc<Key>>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    // The cause would quote the text, and a file of keys may hold private halves.
    let set: Set =
        serde_json::from_slice(text).map_err(|_| internal("the key set is not JSON of a key set"))?;
    // RFC 7517, 5: keys that are not understood are left out, and do not spoil the set.
    Ok(set.keys.into_iter().filter_map(key).collect())
}

/// A key with its id, if it verifies signatures of a kind that is taken here. Symmetric keys never do.
fn key(jwk: Value) -> Option<(String, Arc<Key>)> {
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let (algorithm, name) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
        }
        _ => return None,
    };
    let for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
    if !for_signatures || jwk.common.key_algorithm.is_some_and(|named| named != name) {
        return None;
    }
    let key = Key { key: DecodingKey::from_jwk(&jwk).ok()?, algorithm };
    Some((jwk.common.key_id?, Arc::new(key)))
}
