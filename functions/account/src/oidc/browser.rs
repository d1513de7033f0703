//! The browser that signs in: a secret in a cookie, which its attempts are bound to.

use shared::cookie::{self, Cookie};
use shared::describe::Operation;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::request::{FromRequest, Request};

/// The cookie's name.
const COOKIE: &str = "praxis_oidc";

/// A browser, by the cookie that it has already or will get. One cookie serves all sign-ins that it has under way, so
/// that two tabs do not break each other.
pub struct Browser {
    secret: OpaqueToken,
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
        let secret = match cookie::find(&request.headers, COOKIE).and_then(OpaqueToken::parse) {
            Some(known) => known,
            None => OpaqueToken::generate()?,
        };
        Ok(Browser { secret })
    }

    fn describe(_: &mut Operation) {}
}
