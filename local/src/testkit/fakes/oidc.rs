//! A provider of outside sign-in: OpenID Connect with the authorization code flow and PKCE, as Google and Clever speak it.
//!
//! It publishes its discovery document and keys, sends browsers back with a code, and changes the code into a signed ID
//! token. It believes its clients nothing, and misbehaves on demand.

mod realm;
mod routes;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::http::header;
use serde_json::Value;

use super::{Key, serve};
use realm::{Realm, lock};

/// What goes wrong, until told otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The ID token's nonce is another's.
    WrongNonce,
    /// The ID token has no nonce.
    NoNonce,
    /// The ID token is for another client.
    WrongAudience,
    /// The ID token is for this client and another.
    SecondAudience,
    /// The ID token names another issuer.
    WrongIssuer,
    /// The ID token expired a minute ago.
    Expired,
    /// The ID token is of an hour from now.
    FromTheFuture,
    /// The ID token is of a day ago, and still valid.
    FromThePast,
    /// The ID token is signed with a key that was never published, under its own id.
    UnknownKey,
    /// The ID token is signed with a key that was never published, under the id of one that was.
    ForeignKey,
    /// The ID token has `alg: none` and no signature.
    Unsigned,
    /// The ID token is an HS256 one, its secret the published key.
    Forged,
    /// The ID token is an HS256 one, its secret the client's.
    SignedWithClientSecret,
    /// The ID token's claims were changed after it was signed.
    Tampered,
    /// The token endpoint's answer has no ID token; Clever's API at the same address says who the person is.
    NoIdToken,
    /// What a client of sign-in need not read is of odd types: in the discovery document, among the keys, in the token
    /// endpoint's answer.
    OddDocuments,
    /// The browser comes back with this error instead of a code.
    Refuses(&'static str),
    /// The token endpoint answers with this status and an OAuth error body.
    TokenStatus(u16),
    /// The token endpoint answers 200 with this text.
    TokenBody(String),
    /// The token endpoint sends the caller elsewhere.
    TokenRedirect(String),
    /// The token endpoint takes the request and never answers.
    TokenHangs,
    /// The discovery document answers 503.
    NoDiscovery,
    /// The discovery document is another issuer's.
    ForeignDiscovery,
    /// The keys answer 503.
    NoKeys,
}

/// The running server. It stops when dropped.
pub struct OidcProvider {
    address: String,
    state: Arc<Mutex<Realm>>,
    http: reqwest::Client,
    task: tokio::task::JoinHandle<()>,
}

/// The client that it knows.
const CLIENT_ID: &str = "praxis-test-client";
const CLIENT_SECRET: &str = "a client's secret: with /, + and %";

impl OidcProvider {
    /// A provider with one key for RS256, at which nobody is signed in yet.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(Realm::new()));
        let (address, task) = serve(routes::router(Arc::clone(&state))).await;
        lock(&state).issuer.clone_from(&address);
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self { address, state, http: http.expect("an HTTP client"), task }
    }

    /// Its address and name.
    pub fn issuer(&self) -> &str {
        &self.address
    }

    /// The `client_id` that it knows.
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// The secret of that client, with characters that must be encoded.
    pub fn client_secret(&self) -> &'static str {
        CLIENT_SECRET
    }

    /// Who is signed in there from now on: claims of the ID token, `sub` among them.
    pub fn sign_in(&self, person: Value) {
        self.realm().person = person;
    }

    /// Misbehaves like this from now on.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        self.realm().misbehaviour = Some(misbehaviour);
    }

    /// Behaves from now on.
    pub fn behave(&self) {
        self.realm().misbehaviour = None;
    }

    /// Publishes exactly this key from now on, and signs with it.
    pub fn rotate(&self, key: Key) {
        self.realm().keys = vec![Arc::new(key)];
    }

    /// Takes the client's secret in the form of the token request only, not as HTTP Basic authentication.
    pub fn take_secret_in_form(&self) {
        self.realm().auth_methods = vec!["client_secret_post"];
    }

    /// What the browser does when it is sent here: gives the address that it is sent on to.
    ///
    /// # Panics
    /// When the request is not one that a provider answers with a redirect.
    pub async fn visit(&self, address: &str) -> String {
        let answer = self.http.get(address).send().await.expect("the provider answers");
        let (status, location) = (answer.status(), answer.headers().get(header::LOCATION).cloned());
        let body = answer.text().await.unwrap_or_default();
        let location =
            location.unwrap_or_else(|| panic!("the provider answered {status} {body} to {address}"));
        location.to_str().expect("an address is ASCII").to_owned()
    }

    /// How often the discovery document was fetched, failures included.
    pub fn discoveries(&self) -> usize {
        self.realm().discoveries
    }

    /// How often the keys were fetched, failures included.
    pub fn key_fetches(&self) -> usize {
        self.realm().key_fetches
    }

    /// How often a code came in to be exchanged, failures included.
    pub fn exchanges(&self) -> usize {
        self.realm().exchanges
    }

    /// Every code, nonce, state, verifier and token so far: what must be in no log.
    pub fn secrets(&self) -> Vec<String> {
        self.realm().secrets.clone()
    }

    fn realm(&self) -> MutexGuard<'_, Realm> {
        lock(&self.state)
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}
