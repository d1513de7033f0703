//! Who is calling: an `Authorization` header becomes a [`User`], by development's `mock_` tokens or by a JWT.
//!
//! No outcome says why a token was refused, and nothing here logs or prints one.

mod jwks;
mod mock;
mod settings;
mod supabase;
mod token;
mod user_endpoint;

#[cfg(test)]
mod tests;

use std::fmt;

use uuid::Uuid;

use crate::error::{Result, unauthorized};

use supabase::Supabase;

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
}

impl User {
    /// A caller as a provider describes them; what is blank or unfit to store becomes `None`.
    fn new(id: Uuid, email: Option<&str>, display_name: Option<&str>) -> User {
        let email = email.map(|email| email.trim().to_lowercase()).filter(|email| {
            !email.is_empty() && email.len() <= EMAIL_BYTES && !email.contains(char::is_control)
        });
        // PostgreSQL's text holds no NUL, and people can write anything into their own profile at the provider.
        let display_name = display_name
            .map(|name| name.replace(char::is_control, ""))
            .map(|name| {
                name.trim().chars().take(DISPLAY_NAME_CHARS).collect::<String>().trim_end().to_owned()
            })
            .filter(|name| !name.is_empty());
        User { id, email, display_name }
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
    accepts_mock_tokens: bool,
    /// `None` with `AUTH_MODE=mock`.
    supabase: Option<Supabase>,
}

impl Verifier {
    /// Reads the settings through `get`; an `Err` names the setting at fault and fails the start.
    ///
    /// - `AUTH_MODE`: `mock` or `supabase`, in any case. Default `mock` if `APP_ENV` is `development` or `test`;
    ///   anywhere else, also where `APP_ENV` is missing, it must be set.
    /// - `MOCK_AUTH_ENABLED`: takes `mock_` tokens beside JWTs. Default false.
    /// - `ALLOW_MOCK_AUTH_IN_PRODUCTION`: outside development and test, mock tokens are taken only if this and
    ///   `MOCK_AUTH_ENABLED` are both set to true; with one of them the start fails.
    /// - `SUPABASE_URL`, `SUPABASE_ANON_KEY`: the project; `JWT_ISSUER` (default `{SUPABASE_URL}/auth/v1`),
    ///   `JWT_AUDIENCE` (default `authenticated`): what a JWT must say. Addresses are https, or http to loopback;
    ///   plain http elsewhere only in development and test.
    pub fn from_settings(get: &dyn Fn(&str) -> Option<String>) -> Result<Verifier, String> {
        settings::verifier(get)
    }

    /// The caller, from the `Authorization` header's value. Every failure is a 401 in the contract's words.
    pub async fn verify(&self, authorization: Option<&str>) -> Result<User> {
        let token = bearer(authorization)?;
        match &self.supabase {
            Some(_) if self.accepts_mock_tokens && token.starts_with(mock::PREFIX) => mock::user(token),
            Some(supabase) => supabase.user(token).await,
            None => mock::user(token),
        }
    }
}

/// Neither keys nor what it remembers.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = self.supabase.as_ref().map(|supabase| &supabase.expected.issuer);
        f.debug_struct("Verifier")
            .field("accepts_mock_tokens", &self.accepts_mock_tokens)
            .field("issuer", &issuer)
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
