//! The browser that signs in: a secret in a cookie, which its attempts are bound to.

use shared::cookie::{self, Cookie};
use shared::describe::Operation;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::request::{FromRequest, Request};

use crate::sign_in;

/// The cookie's name.
const COOKIE: &str = "praxis_oidc";

/// A browser, by the cookie that it has already or will get. One cookie serves all sign-ins that it has under way, so
/// that two tabs do not break each other.
pub struct Browser {
    secret: OpaqueToken,
    /// Whether somebody is signed in on it already.
    pub(super) session: Option<OpaqueToken>,
}

impl Browser {
    /// What the database knows it by.
    pub(super) fn hash(&self) -> Vec<u8> {
        self.secret.hash()
    }

    /// The cookie, for `seconds` from now.
    pub(super) fn cookie(&self, seconds: u64) -> Cookie {
        Cookie::new(COOKIE, self.secret.reveal(), seconds)
    }
}

impl FromRequest for Browser {
    async fn from_request(request: &mut Request) -> Result<Browser> {
        let token = |name| cookie::find(&request.headers, name).and_then(OpaqueToken::parse);
        let secret = match token(COOKIE) {
            Some(known) => known,
            None => OpaqueToken::generate()?,
        };
        Ok(Browser { secret, session: token(sign_in::COOKIE) })
    }

    fn describe(_: &mut Operation) {}
}
