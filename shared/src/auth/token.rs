//! A JWT as it arrives: parsed, its signature not checked yet.
//!
//! The claims are checked before the signature, by the same code for every issuer and every way of deciding: garbage
//! then never causes an outgoing call, neither for keys nor to the provider. Format: RFC 7515 and RFC 7519.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use uuid::Uuid;

use crate::auth::User;

/// Longer tokens are refused unparsed. Supabase's are about 1 KB.
const MAX_BYTES: usize = 8 * 1024;

/// What a token must say.
pub(super) struct Expected {
    /// Exact `iss`.
    pub issuer: String,
    /// `aud`, or one of it.
    pub audience: String,
    /// How far the issuer's clock may be off.
    pub skew: Skew,
}

/// How far an issuer's clock may be off, in seconds: else a token that is used at once could be "not yet valid".
#[derive(Clone, Copy)]
pub(super) struct Skew {
    /// For `iat` and `nbf`.
    pub ahead: f64,
    /// For `exp`.
    pub behind: f64,
}

impl Skew {
    /// Of the machines that this system runs on, which keep the time of one cloud.
    pub(super) const OURS: Skew = Skew { ahead: 5.0, behind: 0.0 };
    /// Of a Supabase project, which may stand anywhere: a minute for the beginning of a token, whose end is seconds away at
    /// most from what it says.
    pub(super) const SUPABASE: Skew = Skew { ahead: 60.0, behind: 5.0 };
}

/// What a token says, if it is genuine.
pub(super) struct Token<'a> {
    text: &'a str,
    /// What the token says of itself. It is compared with the key's algorithm, and never chooses one.
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
    claims: Claims,
    id: Uuid,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    #[serde(default)]
    typ: Value,
    /// Extensions that must be understood (RFC 7515, 4.1.11); none is, here.
    crit: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    iss: String,
    aud: Audience,
    sub: String,
    /// Taken if it is a string.
    #[serde(default)]
    email: Value,
    #[serde(default)]
    user_metadata: Value,
    /// Praxis's: the sign-in that it belongs to, and when the person proved who they are (OpenID Connect Core, 2).
    #[serde(default)]
    sid: Value,
    #[serde(default)]
    auth_time: Value,
    /// Supabase's: how the person has proved who they are, each with its `timestamp`.
    #[serde(default)]
    amr: Value,
    /// Supabase's: the database role that its holder gets there, and whether they are anybody who asked.
    #[serde(default)]
    role: Value,
    #[serde(default)]
    is_anonymous: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl<'a> Token<'a> {
    /// `None` for anything that cannot be a valid token of anybody, whatever its signature.
    pub(super) fn parse(text: &'a str) -> Option<Token<'a>> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut parts = text.split('.');
        let (header, claims, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let header: Header = part(header)?;
        if header.crit.is_some() {
            return None;
        }
        let algorithm = match header.alg.as_str() {
            "RS256" => Algorithm::RS256,
            "ES256" => Algorithm::ES256,
            "EdDSA" => Algorithm::EdDSA,
            "HS256" => Algorithm::HS256,
            _ => return None,
        };
        let claims: Claims = part(claims)?;
        let id = Uuid::try_parse(&claims.sub).ok()?;
        let typ = header.typ.as_str().map(str::to_ascii_lowercase);
        Some(Token { text, algorithm, kid: header.kid, typ, claims, id })
    }

    /// Whether its claims are as `expected`, and now is its time.
    pub(super) fn holds(&self, expected: &Expected) -> bool {
        self.claims.hold(expected, now())
    }

    /// Who is said to have issued it.
    pub(super) fn issuer(&self) -> &str {
        &self.claims.iss
    }

    /// The token itself, for the provider's eyes only.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The id of the key that is said to have signed it.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it says of itself that it is an access token (RFC 9068, sections 2.1 and 4), so that no other kind of token
    /// with the same key is taken for one (RFC 8725, section 3.11).
    pub(super) fn is_access_token(&self) -> bool {
        matches!(self.typ.as_deref(), Some("at+jwt" | "application/at+jwt"))
    }

    /// Whether a Supabase project made it for anybody who asked, or for no person at all.
    pub(super) fn is_of_nobody(&self) -> bool {
        is_of_nobody(&self.claims.role, &self.claims.is_anonymous)
    }

    /// Whether it says that it was signed with a secret that only the provider has.
    pub(super) fn is_symmetric(&self) -> bool {
        self.algorithm == Algorithm::HS256
    }

    /// Whether `key` signed it, with the algorithm that the key is for.
    pub(super) fn is_signed_by(&self, key: &DecodingKey, algorithm: Algorithm) -> bool {
        let Some((message, signature)) = self.text.rsplit_once('.') else { return false };
        self.algorithm == algorithm
            && jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm).unwrap_or(false)
    }

    /// Seconds until it expires; none where only the leeway is left.
    pub(super) fn seconds_left(&self) -> f64 {
        (self.claims.exp - now()).max(0.0)
    }

    /// The person's id.
    pub(super) fn subject(&self) -> Uuid {
        self.id
    }

    /// The row of `identity.sign_ins` that one of Praxis's own tokens names.
    pub(super) fn sign_in(&self) -> Option<Uuid> {
        Uuid::try_parse(self.claims.sid.as_str()?).ok()
    }

    /// When the person proved who they are, in one of Praxis's own tokens.
    pub(super) fn auth_time(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.claims.auth_time.as_i64()?).ok()
    }

    /// When it was made.
    pub(super) fn issued_at(&self) -> Option<Timestamp> {
        Timestamp::from_duration(SignedDuration::try_from_secs_f64(self.claims.iat).ok()?).ok()
    }

    /// When the person last proved who they are, in one of Supabase's tokens.
    pub(super) fn latest_proof(&self) -> Option<Timestamp> {
        let proofs = self.claims.amr.as_array()?.iter();
        Timestamp::from_second(proofs.filter_map(|proof| proof["timestamp"].as_i64()).max()?).ok()
    }

    /// The person that one of Supabase's tokens speaks of. Call it for a token that has been found genuine.
    pub(super) fn user(&self) -> User {
        let (email, name) = (self.claims.email.as_str(), self.claims.user_metadata["full_name"].as_str());
        User {
            authenticated_at: self.latest_proof(),
            issued_at: self.issued_at(),
            ..User::new(self.id, email, name)
        }
    }
}

impl Claims {
    fn hold(&self, expected: &Expected, now: f64) -> bool {
        let audience = match &self.aud {
            Audience::One(audience) => *audience == expected.audience,
            Audience::Several(audiences) => audiences.contains(&expected.audience),
        };
        // RFC 7519, 4.1.4: a token is void on its `exp`, not only after it.
        audience
            && self.iss == expected.issuer
            && self.exp > now - expected.skew.behind
            && self.iat <= now + expected.skew.ahead
            && self.nbf.is_none_or(|nbf| nbf <= now + expected.skew.ahead)
    }
}

/// What a Supabase project says of somebody who signed in anonymously, and the roles of its own keys, which are no person.
pub(super) fn is_of_nobody(role: &Value, is_anonymous: &Value) -> bool {
    is_anonymous == &Value::Bool(true) || matches!(role.as_str(), Some("anon" | "service_role"))
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// Seconds since 1970, as `exp` counts them.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
