//! Supabase's tokens: verified here with the project's published keys.
//!
//! Only a project that is said to sign by its legacy secret (`SUPABASE_SIGNS_BY_SECRET`) is asked about tokens: those
//! signed so (HS256), and any while the key set is out of reach and none is cached. Everything else that fails is refused
//! without a call: a bad signature, an unknown key, wrong claims. Nobody else can make this system call the project.
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
    /// `None` for a project that signs by published keys alone.
    pub user_endpoint: Option<UserEndpoint>,
    /// Whether people whom the project calls anonymous are let in.
    pub takes_anonymous: bool,
}

impl Supabase {
    /// The person of a JWT, or 401; 503 for a token that nobody can be asked about just now.
    pub(super) async fn user(&self, token: &Token<'_>) -> Result<User> {
        if !token.holds(&self.expected) || (token.is_of_nobody() && !self.takes_anonymous) {
            return Err(refused());
        }
        if token.is_symmetric() && self.user_endpoint.is_none() {
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
                    Ok(User { authenticated_at: token.latest_proof(), issued_at: token.issued_at(), ..user })
                }
                None => Err(undecided()),
            },
        }
    }
}
