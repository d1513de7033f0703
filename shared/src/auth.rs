//! Who is calling: an `Authorization` header or a browser's cookie becomes a [`User`], by development's `mock_` tokens,
//! a JWT of this system or of a Supabase project, or a row of `identity.sign_ins`.
//!
//! No outcome says why a token was refused, and nothing here logs or prints one.

mod browser;
mod jwks;
mod mock;
mod own_sign_in;
mod praxis;
mod settings;
mod supabase;
mod token;
mod user_endpoint;

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::error::{Error, Result, unauthorized, unavailable};
use crate::{language, value};

pub(crate) use browser::Browser;
pub use browser::{KnownOrigin, SESSION_COOKIE, csrf_token};
pub use jwks::{Key as VerifyingKey, parse as verifying_keys};
pub use own_sign_in::OwnSignIn;
pub use praxis::{PublicKey, audience, issuer, public_keys};

use praxis::Praxis;
use supabase::Supabase;
use token::Token;

/// The longest display name that is taken over, in characters.
const DISPLAY_NAME_CHARS: usize = 120;
/// The longest e-mail address that is taken over, in bytes (RFC 3696, erratum 1690, says 254; old ones go to 320).
const EMAIL_BYTES: usize = 320;

/// The caller.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The identity provider's id of this person; also the id in `identity.users`.
    pub id: Uuid,
    /// E-mail address, trimmed and in lower case. Not proof of anything: the provider may not have verified it.
    pub email: Option<String>,
    /// Display name, trimmed, at most 120 characters.
    pub display_name: Option<String>,
    /// The row of `identity.sign_ins` that the caller came in by; `None` with an outside provider's token.
    pub sign_in: Option<Uuid>,
    /// When the person last proved who they are, as far as that is known.
    pub authenticated_at: Option<Timestamp>,
    /// The language that the request prefers (BCP 47): the person's until they have one of their own.
    pub locale: String,
    /// When the token was made that the caller came with; `None` where each request is one of its own.
    pub issued_at: Option<Timestamp>,
}

impl User {
    /// A caller as a provider describes them; what is blank or unfit to store becomes `None`.
    fn new(id: Uuid, email: Option<&str>, display_name: Option<&str>) -> User {
        let email = email.map(|email| email.trim().to_lowercase()).filter(|email| {
            !email.is_empty() && email.len() <= EMAIL_BYTES && !email.contains(char::is_control)
        });
        // PostgreSQL's text holds no NUL, and people can write anything into their own profile at the provider.
        let display_name = display_name.and_then(|name| value::name_within(name, DISPLAY_NAME_CHARS));
        let locale = language::default_locale();
        User { id, email, display_name, sign_in: None, authenticated_at: None, locale, issued_at: None }
    }
}

/// Only the id: e-mail and name do not belong into logs.
impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Decides who a request's caller is. One per sandbox: it holds the cached keys.
pub struct Verifier {
    /// Whether what is no JWT gets the answers of mock sign-in, as the existing clients were promised.
    is_mock_mode: bool,
    accepts_mock_tokens: bool,
    praxis: Option<Praxis>,
    supabase: Option<Supabase>,
}

impl Verifier {
    /// Reads the settings through `get`; an `Err` names the setting at fault and fails the start.
    ///
    /// - `AUTH_MODE`: a comma list of `praxis`, `supabase` and `mock`, in any case. Default `mock`, and `praxis` if
    ///   there are keys, with `APP_ENV` `development` or `test`; anywhere else, also where `APP_ENV` is missing, it
    ///   must be set.
    /// - `AUTH_KEYS_FILE` or `AUTH_JWKS_SECRET_ARN`: this system's keys; `AUTH_ISSUER`, `AUTH_AUDIENCE` (both default
    ///   `praxis`): what its tokens must say.
    /// - `MOCK_AUTH_ENABLED`: takes `mock_` tokens beside JWTs. Default false.
    /// - `ALLOW_MOCK_AUTH_IN_PRODUCTION`: outside development and test, mock tokens are taken only if this and
    ///   `MOCK_AUTH_ENABLED` are both set to true; with one of them the start fails.
    /// - `SUPABASE_SIGNS_BY_SECRET`: the project still signs by its legacy secret, and is asked about tokens;
    ///   `SUPABASE_ANONYMOUS`: people whom it calls anonymous are let in. Both default to false.
    /// - `SUPABASE_URL`, `SUPABASE_ANON_KEY`: the project; `JWT_ISSUER` (default `{SUPABASE_URL}/auth/v1`),
    ///   `JWT_AUDIENCE` (default `authenticated`): what a JWT must say. Addresses are https, or http to loopback;
    ///   plain http elsewhere only in development and test.
    pub fn from_settings(get: &dyn Fn(&str) -> Option<String>) -> Result<Verifier, String> {
        settings::verifier(get)
    }

    /// The caller, from the `Authorization` header's value. Every failure is a 401 in the contract's words, or a 503 where
    /// the token could not be decided on.
    pub async fn verify(&self, authorization: Option<&str>) -> Result<User> {
        let token = bearer(authorization)?;
        if self.accepts_mock_tokens && token.starts_with(mock::PREFIX) {
            return mock::user(token);
        }
        if self.is_mock_mode && (token.split('.').count() != 3 || !self.takes_jwts()) {
            return mock::user(token);
        }
        let token = Token::parse(token).ok_or_else(refused)?;
        // The issuer only chooses who verifies: each verifier believes its own keys.
        match (&self.praxis, &self.supabase) {
            (Some(praxis), _) if token.issuer() == praxis.expected.issuer => praxis.user(&token).await,
            (_, Some(supabase)) => supabase.user(&token).await,
            _ => Err(refused()),
        }
    }

    /// Whether this system signs people in itself, so that there can be a browser's session.
    pub(crate) fn has_sessions(&self) -> bool {
        self.praxis.is_some()
    }

    fn takes_jwts(&self) -> bool {
        self.praxis.is_some() || self.supabase.is_some()
    }
}

/// Whether the addresses that outside providers' tokens bring are known to be their people's; see
/// `SUPABASE_CONFIRMS_EMAIL`.
pub fn providers_prove_addresses() -> Result<bool, String> {
    settings::providers_prove_addresses(&crate::settings::find)
}

/// 401 for a token that is not good, whatever is wrong with it.
fn refused() -> Error {
    unauthorized("invalid or expired access token").by_rule("access_token")
}

/// 503 for a token that nobody could be asked about: a 401 would sign out people whose tokens are good.
fn undecided() -> Error {
    unavailable("failed to validate access token", 5)
}

/// Neither keys nor what it remembers.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let praxis = self.praxis.as_ref().map(|praxis| &praxis.expected.issuer);
        let supabase = self.supabase.as_ref().map(|supabase| &supabase.expected.issuer);
        f.debug_struct("Verifier")
            .field("accepts_mock_tokens", &self.accepts_mock_tokens)
            .field("issuers", &[praxis, supabase])
            .finish_non_exhaustive()
    }
}

/// The token of `Bearer <token>`; the scheme is case-sensitive, as the existing clients were promised.
fn bearer(authorization: Option<&str>) -> Result<&str> {
    let header = authorization.unwrap_or_default().trim();
    if header.is_empty() {
        return Err(unauthorized("missing Authorization header"));
    }
    // HTTP drops white space at the end of a header, so a blank token arrives as the bare scheme.
    if header == "Bearer" {
        return Err(unauthorized("missing bearer token"));
    }
    let token = header.strip_prefix("Bearer ").ok_or_else(|| unauthorized("invalid Authorization header"))?;
    Ok(token.trim_start())
}
