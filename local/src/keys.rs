//! The keys that sign access tokens: a JWK set (RFC 7517) with Ed25519 keys (RFC 8037), in a file that only its owner
//! reads. In AWS the same text is a secret.
//!
//! A key signs from its `nbf` on, and the newest such key is the one that signs. So a rotation adds a key for later:
//! by then everybody who verifies has it, and nobody is signed out.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use aws_lc_rs::{
    encoding::AsBigEndian,
    signature::{Ed25519KeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{problem::problem, project};

/// How long after a rotation the new key begins to sign, in seconds: a set is cached for 5 minutes by the functions and
/// for 5 more by the extension that reads secrets.
const PUBLISHED_BEFORE: i64 = 600;
/// How long a key stays after the next one took over, in seconds. Its last token expires after 15 minutes.
const KEPT_AFTER: i64 = 24 * 3600;

/// A key pair.
#[derive(Clone, Deserialize, Serialize)]
pub struct SigningKey {
    kty: String,
    crv: String,
    /// The public half.
    x: String,
    /// The private half.
    d: String,
    /// The public key's thumbprint (RFC 7638).
    pub kid: String,
    alg: String,
    #[serde(rename = "use")]
    used_for: String,
    /// From when on it signs, in seconds since 1970 (a member that OpenID Federation 1.0 defines for keys).
    pub nbf: i64,
}

/// What the file holds.
#[derive(Deserialize, Serialize)]
pub struct KeySet {
    keys: Vec<SigningKey>,
}

/// What a key does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Published, and signs later.
    Next,
    /// Signs.
    Signing,
    /// Verifies what it has signed before.
    Verifying,
}

/// The file of `cargo local`.
pub fn path() -> PathBuf {
    project::state().join("auth-keys.json")
}

/// Makes the file with one key if there is none.
///
/// # Errors
/// When it cannot be written.
pub fn keep(path: &Path) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let set = KeySet { keys: vec![SigningKey::generate(now())?] };
    // Two starts at once: the first file that has its name stays, and both use that one.
    let new = set.write_beside(path)?;
    let linked = fs::hard_link(&new, path);
    fs::remove_file(&new)?;
    match linked {
        Err(error) if !path.is_file() => {
            Err(error).with_context(|| format!("cannot write {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Adds a key that signs in ten minutes, and drops those that were replaced more than a day ago.
///
/// # Errors
/// When the file cannot be read or written.
pub fn rotate(path: &Path) -> Result<KeySet> {
    let mut set = KeySet::read(path)?;
    set.rotate(now())?;
    let new = set.write_beside(path)?;
    fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(set)
}

impl KeySet {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// When there is none, or it holds something else.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| {
            problem(format!("cannot read {}: {error}", path.display()), "`cargo local keys` makes it")
        })?;
        // The cause would quote the text, which may be a key.
        let set: Self = serde_json::from_str(&text)
            .map_err(|_| problem(format!("{} is no set of signing keys", path.display()), "move it away"))?;
        ensure!(!set.keys.is_empty(), "{} holds no key", path.display());
        Ok(set)
    }

    /// The keys with what they do now, the newest first.
    pub fn roles(&self) -> Vec<(&SigningKey, Role)> {
        let now = now();
        let mut keys: Vec<_> = self.keys.iter().collect();
        keys.sort_by_key(|key| std::cmp::Reverse(key.nbf));
        let mut replaced = false;
        let role = |key: &SigningKey| match (key.nbf > now, std::mem::replace(&mut replaced, key.nbf <= now))
        {
            (true, _) => Role::Next,
            (false, false) => Role::Signing,
            (false, true) => Role::Verifying,
        };
        let roles: Vec<_> = keys.iter().copied().map(role).collect();
        keys.into_iter().zip(roles).collect()
    }

    /// What may be published.
    pub fn public(&self) -> Value {
        json!({ "keys": self.keys.iter().map(SigningKey::public).collect::<Vec<_>>() })
    }

    fn rotate(&mut self, now: i64) -> Result<()> {
        self.keys.push(SigningKey::generate(now + PUBLISHED_BEFORE)?);
        self.keys.sort_by_key(|key| key.nbf);
        let ended: Vec<i64> = self.keys.iter().skip(1).map(|next| next.nbf).collect();
        let mut ended = ended.into_iter();
        self.keys.retain(|_| ended.next().is_none_or(|end| end > now - KEPT_AFTER));
        Ok(())
    }

    /// Writes the set into a new private file in the folder of `path`.
    fn write_beside(&self, path: &Path) -> Result<PathBuf> {
        let folder = path.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        let new = path.with_extension(format!("{}.new", uuid::Uuid::new_v4().simple()));
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.sync_all()?;
        Ok(new)
    }
}

impl SigningKey {
    /// A new key that signs from `nbf` on.
    fn generate(nbf: i64) -> Result<Self> {
        let pair = Ed25519KeyPair::generate().context("no key could be made")?;
        let seed = pair.seed().and_then(|seed| seed.as_be_bytes()).context("no key could be made")?;
        let x = BASE64.encode(pair.public_key());
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        Ok(Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x,
            d: BASE64.encode(seed.as_ref()),
            kid: BASE64.encode(thumbprint),
            alg: "EdDSA".to_owned(),
            used_for: "sig".to_owned(),
            nbf,
        })
    }

    /// The pair, for signing.
    ///
    /// # Errors
    /// When it is none.
    pub fn pair(&self) -> Result<Ed25519KeyPair> {
        let (seed, public) = (BASE64.decode(&self.d)?, BASE64.decode(&self.x)?);
        Ed25519KeyPair::from_seed_and_public_key(&seed, &public).context("the two halves do not fit")
    }

    fn public(&self) -> Value {
        let Self { kty, crv, x, kid, alg, used_for, nbf, d: _ } = self;
        json!({ "kty": kty, "crv": crv, "x": x, "kid": kid, "alg": alg, "use": used_for, "nbf": nbf })
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_rotation_announces_a_key_and_drops_what_is_long_replaced() {
        let folder = std::env::temp_dir().join(format!("praxis-test-{}", uuid::Uuid::new_v4()));
        let path = folder.join("keys.json");
        keep(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let first = KeySet::read(&path).unwrap().keys[0].kid.clone();
        keep(&path).unwrap();
        assert_eq!(KeySet::read(&path).unwrap().keys[0].kid, first, "what is there stays");

        let set = rotate(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let roles: Vec<_> = set.roles().into_iter().map(|(key, role)| (key.kid == first, role)).collect();
        assert_eq!(roles, [(false, Role::Next), (true, Role::Signing)]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left beside it");

        let mut set = KeySet::read(&path).unwrap();
        let later = now() + PUBLISHED_BEFORE + KEPT_AFTER;
        set.rotate(later - 1).unwrap();
        assert_eq!(set.keys.len(), 3, "the first one was replaced a moment less than a day ago");
        set.rotate(later).unwrap();
        assert!(set.keys.len() == 3 && set.keys.iter().all(|key| key.kid != first));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_public_set_has_no_private_half() {
        let key = SigningKey::generate(0).unwrap();
        let public = KeySet { keys: vec![key.clone()] }.public();
        assert_eq!(public["keys"][0]["kid"], key.kid);
        assert!(public["keys"][0].get("d").is_none() && !public.to_string().contains(&key.d));
        key.pair().unwrap();
    }
}
