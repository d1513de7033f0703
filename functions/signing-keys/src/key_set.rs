//! A JWK set (RFC 7517) with private Ed25519 keys (RFC 8037).
//!
//! A key signs from its `nbf` on, and the newest such key is the one that signs. So a rotation adds a key for later:
//! by then everybody who verifies has it, and nobody is signed out.

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::error::{Result, internal};

/// How long after a rotation the new key begins to sign, in seconds: a set is cached for 5 minutes by the functions, and
/// for 5 more by whoever keeps what `/.well-known/jwks.json` answers.
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

/// The keys of one system, at least one.
#[derive(Clone, Deserialize, Serialize)]
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

impl KeySet {
    /// A set with one key that signs at once.
    pub fn new(now: Timestamp) -> Result<KeySet> {
        Ok(KeySet { keys: vec![SigningKey::generate(now.as_second())?] })
    }

    /// Reads the text of a set. The error says nothing of the text, which holds secrets.
    pub fn parse(text: &str) -> Result<KeySet> {
        let set = serde_json::from_str::<KeySet>(text).ok().filter(|set| !set.keys.is_empty());
        set.ok_or_else(|| internal("not a JWK set of private Ed25519 keys"))
    }

    /// The text of the set, private halves included.
    pub fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Adds a key that signs in ten minutes, and drops those that were replaced more than a day ago.
    pub fn rotate(&mut self, now: Timestamp) -> Result<()> {
        let now = now.as_second();
        self.keys.push(SigningKey::generate(now + PUBLISHED_BEFORE)?);
        self.keys.sort_by_key(|key| key.nbf);
        let ended: Vec<i64> = self.keys.iter().skip(1).map(|next| next.nbf).collect();
        let mut ended = ended.into_iter();
        self.keys.retain(|_| ended.next().is_none_or(|end| end > now - KEPT_AFTER));
        Ok(())
    }

    /// The keys with what they do at `now`, the newest first.
    pub fn roles(&self, now: Timestamp) -> Vec<(&SigningKey, Role)> {
        let now = now.as_second();
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

    /// The key that signs last of all.
    pub fn newest(&self) -> Option<&SigningKey> {
        self.keys.iter().max_by_key(|key| key.nbf)
    }

    /// The ids of the keys that `other` has and this set lacks.
    pub fn lacks<'a>(&self, other: &'a KeySet) -> Vec<&'a str> {
        let missing = |key: &&SigningKey| self.keys.iter().all(|own| own.kid != key.kid);
        other.keys.iter().filter(missing).map(|key| key.kid.as_str()).collect()
    }

    /// What may be published.
    pub fn public(&self) -> Value {
        json!({ "keys": self.keys.iter().map(SigningKey::public).collect::<Vec<_>>() })
    }

    /// Whether what its newest key signs verifies by the published set `jwks`.
    pub fn is_verified_by(&self, jwks: &Value) -> Result<bool> {
        let Some(key) = self.newest() else { return Ok(false) };
        let published = jwks["keys"].as_array().into_iter().flatten().find(|jwk| jwk["kid"] == key.kid);
        let x = published.and_then(|jwk| BASE64.decode(jwk["x"].as_str()?).ok()).unwrap_or_default();
        let text = b"a rotation's test";
        let verifier = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, x);
        Ok(verifier.verify(text, key.pair()?.sign(text).as_ref()).is_ok())
    }
}

impl SigningKey {
    /// A new key that signs from `nbf` on.
    fn generate(nbf: i64) -> Result<SigningKey> {
        let pair = Ed25519KeyPair::generate()?;
        let seed = pair.seed()?.as_be_bytes()?;
        let x = BASE64.encode(pair.public_key());
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        Ok(SigningKey {
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
    pub fn pair(&self) -> Result<Ed25519KeyPair> {
        let halves = BASE64.decode(&self.d).ok().zip(BASE64.decode(&self.x).ok());
        let pair = halves.and_then(|(d, x)| Ed25519KeyPair::from_seed_and_public_key(&d, &x).ok());
        pair.ok_or_else(|| internal(format!("the two halves of the key {} do not fit", self.kid)))
    }

    fn public(&self) -> Value {
        let Self { kty, crv, x, kid, alg, used_for, nbf, d: _ } = self;
        json!({ "kty": kty, "crv": crv, "x": x, "kid": kid, "alg": alg, "use": used_for, "nbf": nbf })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_rotation_announces_a_key_and_drops_what_is_long_replaced() {
        let mut set = KeySet::new(at(0)).unwrap();
        let first = set.keys[0].kid.clone();
        set.rotate(at(1000)).unwrap();
        let roles = |now| {
            let roles = set.roles(at(now)).into_iter();
            roles.map(|(key, role)| (key.kid == first, role)).collect::<Vec<_>>()
        };
        assert_eq!(roles(1599), [(false, Role::Next), (true, Role::Signing)]);
        assert_eq!(roles(1600), [(false, Role::Signing), (true, Role::Verifying)]);

        let later = 1600 + KEPT_AFTER;
        set.rotate(at(later - 1)).unwrap();
        assert_eq!(set.keys.len(), 3, "the first one was replaced a moment less than a day ago");
        set.rotate(at(later)).unwrap();
        assert!(set.keys.len() == 3 && set.keys.iter().all(|key| key.kid != first));
    }

    #[test]
    fn the_public_set_has_no_private_half_and_verifies_what_the_newest_signs() {
        let mut set = KeySet::new(at(0)).unwrap();
        let old = set.public();
        assert!(set.is_verified_by(&old).unwrap());
        set.rotate(at(0)).unwrap();
        let public = set.public();
        for key in &set.keys {
            assert!(!public.to_string().contains(&key.d));
        }
        assert!(public["keys"][1].get("d").is_none() && set.is_verified_by(&public).unwrap());
        assert!(!set.is_verified_by(&old).unwrap(), "the newest key is not in it");
        let mut foreign = KeySet::new(at(0)).unwrap();
        foreign.keys[0].kid = set.newest().unwrap().kid.clone();
        assert!(!set.is_verified_by(&foreign.public()).unwrap(), "another key under its id");
    }

    #[test]
    fn what_is_no_set_is_refused_without_a_word_of_it() {
        for text in ["", "hunter2", "{}", r#"{"keys":[]}"#, r#"{"keys":[{"kid":"hunter2"}]}"#] {
            let error = KeySet::parse(text).err().unwrap();
            assert_eq!(error.cause().as_deref(), Some("not a JWK set of private Ed25519 keys"));
        }
    }
}
