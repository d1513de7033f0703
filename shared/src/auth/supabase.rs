//! Supabase's tokens: verified here with the project's published keys, and by the project itself where those
//! cannot decide.
//!
//! They cannot decide for a token signed with a secret (HS256, projects that still use the legacy secret), and while
//! the key set is out of reach and none is cached. Everything else that fails is refused without a call: a bad
//! signature, an unknown key, wrong claims.
//! Source: <https://supabase.com/docs/guides/auth/signing-keys>

use crate::auth::jwks::{KeySet, Lookup};
use crate::auth::token::{Expected, Token};
use crate::auth::user_endpoint::UserEndpoint;
use crate::auth::{User, refused, undecided};
use crate::error::Result;

/// A project whose tokens are taken.
pub(super) struct Supabase {
    pub keys: KeySet,
    pub expected: Expected,
    /// `None` without `SUPABASE_URL`.
    pub user_endpoint: Option<UserEndpoint>,
}

impl Supabase {
    /// The person of a JWT, or 401.
    pub(super) async fn user(&self, token: &Token<'_>) -> Result<User> {
        if !token.holds(&self.expected) {
            return Err(refused());
        }
        let lookup = match token.kid() {
            // A secret's id is never in the set, so its absence there is no news and no reason to fetch again.
            Some(kid) => self.keys.find(kid, !token.is_symmetric()).await,
            None => Lookup::Unknown,
        };
        match lookup {
            Lookup::Found(key) if token.is_signed_by(&key.key, key.algorithm) => Ok(token.user()),
            Lookup::Found(_) => Err(refused()),
            Lookup::Unknown if !token.is_symmetric() => Err(refused()),
            Lookup::Unknown | Lookup::Unreachable => match &self.user_endpoint {
                Some(endpoint) => {
                    let user = endpoint.user(token).await?;
                    Ok(User { authenticated_at: token.latest_proof(), ..user })
                }
                None if token.is_symmetric() => Err(refused()),
                None => Err(undecided()),
            },
        }
    }
}
