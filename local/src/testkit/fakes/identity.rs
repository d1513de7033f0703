//! An identity provider: publishes its keys, answers `/auth/v1/user`, and signs tokens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Key;

/// The running server, in the shape of Supabase Auth. It stops when dropped.
pub struct IdentityProvider {
    address: String,
    state: Arc<Mutex<Realm>>,
    task: tokio::task::JoinHandle<()>,
}

struct Realm {
    keys: Vec<Arc<Key>>,
    users: BTreeMap<String, Value>,
    key_fetches: usize,
    user_fetches: usize,
    failing: bool,
}

impl IdentityProvider {
    /// A provider with one key for RS256 and one for ES256.
    pub async fn start() -> Self {
        let keys = vec![Arc::new(Key::rs256("rsa-1")), Arc::new(Key::es256("ec-1"))];
        let realm = Realm { keys, users: BTreeMap::new(), key_fetches: 0, user_fetches: 0, failing: false };
        let state = Arc::new(Mutex::new(realm));
        let router = Router::new()
            .route("/auth/v1/.well-known/jwks.json", get(keys_route))
            .route("/auth/v1/user", get(user_route))
            .with_state(Arc::clone(&state));
        let (address, task) = super::serve(router).await;
        Self { address, state, task }
    }

    /// The value for `SUPABASE_URL`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// The `iss` of its tokens.
    pub fn issuer(&self) -> String {
        format!("{}/auth/v1", self.address)
    }

    /// Claims that every check accepts, valid for an hour, to be spoilt by a test.
    pub fn claims(&self, subject: Uuid) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({
            "iss": self.issuer(),
            "sub": subject,
            "aud": "authenticated",
            "role": "authenticated",
            "email": format!("{subject}@example.com"),
            "user_metadata": {"full_name": "Test Person"},
            "iat": now,
            "exp": now + 3600
        })
    }

    /// A good RS256 token for `subject`.
    pub fn token(&self, subject: Uuid) -> String {
        self.rsa_key().sign(&self.claims(subject))
    }

    /// The current key for RS256.
    ///
    /// # Panics
    /// When the test took it away.
    pub fn rsa_key(&self) -> Arc<Key> {
        self.key("RS256")
    }

    /// The current key for ES256.
    ///
    /// # Panics
    /// When the test took it away.
    pub fn ec_key(&self) -> Arc<Key> {
        self.key("ES256")
    }

    /// Publishes exactly these keys from now on.
    pub fn rotate(&self, keys: impl IntoIterator<Item = Key>) {
        self.realm().keys = keys.into_iter().map(Arc::new).collect();
    }

    /// Makes `/auth/v1/user` accept this token, whatever it looks like, as this person.
    pub fn accept(&self, token: &str, subject: Uuid) {
        let user = json!({
            "id": subject,
            "aud": "authenticated",
            "role": "authenticated",
            "email": format!("{subject}@example.com"),
            "user_metadata": {"full_name": "Test Person"}
        });
        self.realm().users.insert(token.to_owned(), user);
    }

    /// While true, every request is answered with 503.
    pub fn fail(&self, failing: bool) {
        self.realm().failing = failing;
    }

    /// How often the keys were fetched, failures included.
    pub fn key_fetches(&self) -> usize {
        self.realm().key_fetches
    }

    /// How often `/auth/v1/user` was asked, failures included.
    pub fn user_fetches(&self) -> usize {
        self.realm().user_fetches
    }

    fn key(&self, algorithm: &str) -> Arc<Key> {
        let realm = self.realm();
        let key = realm.keys.iter().find(|key| key.algorithm() == algorithm);
        Arc::clone(key.expect("a key for this algorithm"))
    }

    fn realm(&self) -> MutexGuard<'_, Realm> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for IdentityProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keys_route(State(state): State<Arc<Mutex<Realm>>>) -> Response {
    let mut realm = state.lock().unwrap_or_else(PoisonError::into_inner);
    realm.key_fetches += 1;
    if realm.failing {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let keys: Vec<_> = realm.keys.iter().map(|key| key.jwk()).collect();
    ([("content-type", "application/json")], json!({ "keys": keys }).to_string()).into_response()
}

async fn user_route(State(state): State<Arc<Mutex<Realm>>>, headers: HeaderMap) -> Response {
    let mut realm = state.lock().unwrap_or_else(PoisonError::into_inner);
    realm.user_fetches += 1;
    if realm.failing {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    // The gateway of the real service asks for the project's public key too.
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let user = token.filter(|_| headers.contains_key("apikey")).and_then(|token| realm.users.get(token));
    match user {
        Some(user) => ([("content-type", "application/json")], user.to_string()).into_response(),
        None => {
            let body = json!({"code": 401, "error_code": "bad_jwt", "msg": "invalid JWT"}).to_string();
            (StatusCode::UNAUTHORIZED, [("content-type", "application/json")], body).into_response()
        }
    }
}
