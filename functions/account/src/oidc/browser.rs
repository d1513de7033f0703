//! The browser that signs in: a secret in a cookie, which its attempts are bound to.

use shared::cookie::{self, Cookie};
use shared::describe::Operation;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::request::{FromRequest, Request};

use super::failure;
use crate::accept;

/// The cookie's name.
const COOKIE: &str = "praxis_oidc";

/// A browser, by the cookie that it has already or will get. One cookie serves all sign-ins that it has under way, so
/// that two tabs do not break each other.
pub struct Browser {
    secret: OpaqueToken,
    takes_page: bool,
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

    /// The outcome as this browser is told it: nobody can read JSON, so who is on the way to a page is sent to one that
    /// tells what is wrong. A program still gets the error.
    pub fn tell<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| match self.takes_page {
            true => {
                let page = failure::page(&error);
                error.on_page(page)
            }
            false => error,
        })
    }
}

impl FromRequest for Browser {
    async fn from_request(request: &mut Request) -> Result<Browser> {
        let secret = match cookie::find(&request.headers, COOKIE).and_then(OpaqueToken::parse) {
            Some(known) => known,
            None => OpaqueToken::generate()?,
        };
        Ok(Browser { secret, takes_page: accept::takes_page(&request.headers) })
    }

    fn describe(operation: &mut Operation) {
        let when = "A sign-in that fails, for a request that accepts `text/html`: `Location` is then \
            `{APP_URL}/sign-in?error=` with `cancelled`, `expired` (too slow, used, another browser's), \
            `failed`, `unavailable`, `exists`, `deactivated` or `not_let_in`";
        operation.reply_without_body(302, when);
    }
}
