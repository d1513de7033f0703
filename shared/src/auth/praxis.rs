//! Praxis's own access tokens, which `functions/account` signs.
//!
//! Their keys are a JWK set that this system keeps itself, as a secret or a file; only the public halves count here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::auth::jwks::{KeySet, Lookup, Source};
use crate::auth::token::{Expected, Token};
use crate::auth::{User, refused, undecided};
use crate::error::{Result, internal};
use crate::{secrets, settings};

/// The tokens of this system.
pub(super) struct Praxis {
    pub keys: KeySet,
    pub expected: Expected,
}

impl Praxis {
    /// The person of a token that names this system as its issuer, or 401; 503 while there are no keys.
    pub(super) async fn user(&self, token: &Token<'_>) -> Result<User> {
        if !token.holds(&self.expected) || !token.is_access_token() {
            return Err(refused());
        }
        // A token without these was not made by the sign-in, whoever signed it.
        let (Some(kid), Some(sign_in), Some(authenticated_at)) =
            (token.kid(), token.sign_in(), token.auth_time())
        else {
            return Err(refused());
        };
        match self.keys.find(kid, !token.is_symmetric()).await {
            Lookup::Found(key) if token.is_signed_by(&key.key, key.algorithm) => Ok(User {
                sign_in: Some(sign_in),
                authenticated_at: Some(authenticated_at),
                issued_at: token.issued_at(),
                ..User::new(token.subject(), None, None)
            }),
            Lookup::Found(_) | Lookup::Unknown => Err(refused()),
            Lookup::Unreachable => Err(undecided()),
        }
    }
}

/// The `iss` of access tokens: `AUTH_ISSUER`, default `praxis`. A deployment says its own address, so that no stage takes
/// another's tokens.
pub fn issuer() -> String {
    issuer_of(&settings::find)
}

/// The `aud` of access tokens: `AUTH_AUDIENCE`, default `praxis`.
pub fn audience() -> String {
    audience_of(&settings::find)
}

pub(super) fn issuer_of(get: &dyn Fn(&str) -> Option<String>) -> String {
    get("AUTH_ISSUER").unwrap_or_else(|| "praxis".to_owned())
}

pub(super) fn audience_of(get: &dyn Fn(&str) -> Option<String>) -> String {
    get("AUTH_AUDIENCE").unwrap_or_else(|| "praxis".to_owned())
}

/// Where the keys are: `AUTH_KEYS_FILE`, else `AUTH_KEYS`, else the secret `AUTH_JWKS_SECRET_ARN`; `None` if none is set.
pub(super) fn source(get: &dyn Fn(&str) -> Option<String>) -> Option<Source> {
    let file = get("AUTH_KEYS_FILE").map(|path| Source::File(path.into()));
    let text = || get("AUTH_KEYS").map(Source::Text);
    file.or_else(text).or_else(|| get("AUTH_JWKS_SECRET_ARN").map(Source::Secret))
}

/// A key that verifies access tokens: a JWK (RFC 7517) on the curve Ed25519 (RFC 8037).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PublicKey {
    /// The key's type, `OKP`.
    kty: String,
    /// Its curve, `Ed25519`.
    crv: String,
    /// The key itself, 32 bytes in base64url.
    x: String,
    /// Which key a token names.
    kid: String,
    /// The algorithm that it is for, `EdDSA`.
    alg: String,
    /// What it is for, `sig`.
    #[serde(rename = "use")]
    used_for: String,
    /// From when on it signs, in seconds since 1970.
    #[serde(default)]
    nbf: i64,
}

/// The keys that verify access tokens, those of a secret at most five minutes old; none where this system signs nobody
/// in.
pub async fn public_keys() -> Result<Vec<PublicKey>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let Some(source) = source(&settings::find) else { return Ok(Vec::new()) };
    // The cause would quote the text, which may hold private halves.
    let text = match &source {
        Source::Secret(arn) => secrets::get(arn).await?.into_bytes(),
        _ => source.read().await?,
    };
    let set: Set = serde_json::from_slice(&text).map_err(|_| internal("the keys are no JWK set"))?;
    // Only the members above are taken over: the private half is none of them.
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value::<PublicKey>(key).ok());
    Ok(keys.filter(|key| key.kty == "OKP" && key.crv == "Ed25519" && key.alg == "EdDSA").collect())
}
