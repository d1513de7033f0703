//! The browser that signs in: a secret in a cookie, which an attempt of it is bound to.
//!
//! Each attempt has a cookie of its own, named after its state, so that tabs that start at the same moment do not take each
//! other's away.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use shared::cookie::{self, Cookie};
use shared::describe::Operation;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::request::{FromRequest, Request};

use super::failure;
use crate::accept;

/// What the names of the cookies begin with.
const COOKIE: &str = "praxis_oidc_";
/// So many attempts may be under way in one browser. All are dropped when it begins another: a page that goes wrong in a
/// loop would else fill the header that carries cookies, of which gateways take about 10 KB.
const MAX: usize = 8;

/// A browser, by the cookies of the attempts that it has under way.
pub struct Browser {
    /// The secrets, by what the cookies' names end with.
    secrets: BTreeMap<String, String>,
    takes_page: bool,
}

impl Browser {
    /// The secret of the attempt with this state, if it began here.
    pub(super) fn secret(&self, state: &OpaqueToken) -> Option<OpaqueToken> {
        OpaqueToken::parse(self.secrets.get(&tag(state))?)
    }

    /// The cookie of a new attempt, for `seconds` from now, and what takes too many others away.
    pub(super) fn cookies(&self, state: &OpaqueToken, secret: &OpaqueToken, seconds: u64) -> Vec<Cookie> {
        let others = self.secrets.keys().filter(|_| self.secrets.len() >= MAX);
        let mut cookies: Vec<Cookie> = others.map(|tag| Cookie::removal(format!("{COOKIE}{tag}"))).collect();
        cookies.push(Cookie::new(name(state), secret.reveal(), seconds));
        cookies
    }

    /// What takes the cookie of a finished attempt away.
    pub fn done(&self, state: &OpaqueToken) -> Cookie {
        Cookie::removal(name(state))
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

fn name(state: &OpaqueToken) -> String {
    format!("{COOKIE}{}", tag(state))
}

/// What tells one attempt's cookie from another's: a part of a digest, because the state itself is a secret until it is used.
fn tag(state: &OpaqueToken) -> String {
    Sha256::digest(state.hash())[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FromRequest for Browser {
    async fn from_request(request: &mut Request) -> Result<Browser> {
        let secrets = cookie::find_all(&request.headers, COOKIE).into_iter();
        Ok(Browser {
            secrets: secrets.map(|(tag, secret)| (tag.to_owned(), secret.to_owned())).collect(),
            takes_page: accept::takes_page(&request.headers),
        })
    }

    fn describe(operation: &mut Operation) {
        let when = "A sign-in that fails, for a request that accepts `text/html`: `Location` is then \
            `{APP_URL}/sign-in?error=` with `cancelled`, `expired` (too slow, used, another browser's), \
            `failed`, `unavailable`, `exists`, `taken` (another person's way in), `signed_out` (who adds a way in must \
            stay signed in), `deactivated` or `not_let_in`";
        operation.reply_without_body(302, when);
    }
}
