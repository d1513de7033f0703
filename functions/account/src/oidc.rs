//! Sign-in with Google and Clever: OpenID Connect's authorization code flow with PKCE.
//!
//! A browser is sent to the provider with a state, a nonce and a code challenge, which an [`attempt`] remembers for this
//! browser alone. It comes back with a code, which the [`OidcClient`] changes into an ID token, whose claims are an
//! [`Identity`]; [`external_account`] finds or makes the person whom it belongs to, and [`linking`] adds it to somebody who is
//! signed in. Of what a provider sends only what is used is read, and one person's odd claim is no outage.

pub mod arrival;
pub mod attempt;
mod browser;
mod claims;
mod clever_api;
mod client;
mod exchange;
pub mod external_account;
mod failure;
mod http;
mod id_token;
pub mod linking;
mod metadata;
mod return_to;

pub use browser::Browser;
pub use claims::Identity;
pub use client::{Clever, Google, OidcClient, page};
pub use return_to::ReturnTo;

use shared::opaque_token::OpaqueToken;
use shared::prelude::*;

text_enum! {
    /// Who else knows our people.
    pub enum Provider {
        /// Accounts of Google, also of schools and companies.
        Google = "google",
        /// The sign-in of American school districts.
        Clever = "clever",
    }
}

impl Provider {
    /// Its name for people.
    pub fn label(self) -> &'static str {
        match self {
            Provider::Google => "Google",
            Provider::Clever => "Clever",
        }
    }
}

/// What a page may ask of a sign-in.
#[input]
pub struct StartSignIn {
    /// The page to come back to: a path of the web application, `/` if absent. What a browser may read as another host is
    /// refused: a slash, tab or line break after the first slash, also as `%2F`, `%5C`, `%09`, `%0A` or `%0D`, and dots that
    /// leave two slashes at the start.
    #[default]
    pub return_to: ReturnTo,
}

/// What a provider sends a browser back with (RFC 6749, sections 4.1.2 and 4.1.2.1).
#[input]
pub struct Callback {
    /// The state that the sign-in was started with.
    pub state: Option<String>,
    /// What the ID token is had for, once.
    pub code: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// The same in words, which nobody here reads.
    pub error_description: Option<String>,
}

impl Callback {
    /// The state, if it can be one.
    pub(crate) fn state(&self) -> Option<OpaqueToken> {
        self.state.as_deref().and_then(OpaqueToken::parse)
    }

    /// Whether the provider sent somebody who did not start here: Clever's portal does so. What came along is not to be
    /// used, since it may be another person's; a new sign-in is.
    pub fn is_unasked(&self) -> bool {
        self.code.is_some() && self.state.is_none() && self.error.is_none()
    }
}
