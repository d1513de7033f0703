//! A provider that can rotate its keys, fail, and count who asks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::SigningKey;
use crate::auth::{User, Verifier};
use crate::error::Result;

#[derive(Clone)]
pub(super) struct Provider {
    pub url: String,
    state: Arc<State>,
}

struct State {
    keys: Mutex<(StatusCode, Value)>,
    user: Mutex<(StatusCode, String)>,
    key_calls: AtomicUsize,
    user_calls: AtomicUsize,
    last_headers: Mutex<HeaderMap>,
}

impl Provider {
    /// A provider with these keys; its user endpoint refuses everybody.
    pub(super) async fn start(keys: &[&SigningKey]) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            keys: Mutex::new((StatusCode::OK, set(keys))),
            user: Mutex::new((StatusCode::FORBIDDEN, "{}".to_owned())),
            key_calls: AtomicUsize::new(0),
            user_calls: AtomicUsize::new(0),
            last_headers: Mutex::default(),
        });
        let provider = Provider { url, state };
        let (for_keys, for_users) = (provider.clone(), provider.clone());
        let router = Router::new()
            .route(
                "/auth/v1/.well-known/jwks.json",
                get(async move || {
                    for_keys.state.key_calls.fetch_add(1, Ordering::SeqCst);
                    // Long enough for others to pile up behind this fetch.
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    let (status, keys) = for_keys.state.keys.lock().unwrap().clone();
                    (status, keys.to_string())
                }),
            )
            .route(
                "/auth/v1/user",
                get(async move |headers: HeaderMap| {
                    for_users.state.user_calls.fetch_add(1, Ordering::SeqCst);
                    *for_users.state.last_headers.lock().unwrap() = headers;
                    for_users.state.user.lock().unwrap().clone()
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(super) fn issuer(&self) -> String {
        format!("{}/auth/v1", self.url)
    }

    pub(super) fn claims(&self) -> Value {
        super::claims(&self.issuer())
    }

    /// For a project that still signs by its secret.
    pub(super) fn verifier(&self) -> Verifier {
        self.verifier_with(&[("SUPABASE_SIGNS_BY_SECRET", "true")])
    }

    pub(super) fn verifier_with(&self, more: &[(&str, &str)]) -> Verifier {
        let url = format!("{}/", self.url);
        let settings =
            [("AUTH_MODE", "Supabase"), ("SUPABASE_URL", url.as_str()), ("SUPABASE_ANON_KEY", "anon")];
        Verifier::from_settings(&|name| {
            let mut all = settings.iter().chain(more);
            all.find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
        .unwrap()
    }

    pub(super) fn publish(&self, keys: &[&SigningKey]) {
        self.publish_set(set(keys));
    }

    pub(super) fn publish_set(&self, set: Value) {
        *self.state.keys.lock().unwrap() = (StatusCode::OK, set);
    }

    pub(super) fn keys_fail(&self) {
        *self.state.keys.lock().unwrap() = (StatusCode::SERVICE_UNAVAILABLE, json!({}));
    }

    pub(super) fn user_answers(&self, status: u16, body: &str) {
        *self.state.user.lock().unwrap() = (StatusCode::from_u16(status).unwrap(), body.to_owned());
    }

    pub(super) fn knows(&self, id: Uuid) {
        let user = json!({ "id": id, "email": "Ada@example.com", "user_metadata": { "full_name": "Ada" } });
        self.user_answers(200, &user.to_string());
    }

    /// Calls for the keys and for a user.
    pub(super) fn calls(&self) -> (usize, usize) {
        (self.state.key_calls.load(Ordering::SeqCst), self.state.user_calls.load(Ordering::SeqCst))
    }

    /// A header of the last call for a user.
    pub(super) fn last_header(&self, name: &str) -> Option<String> {
        let headers = self.state.last_headers.lock().unwrap();
        headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

fn set(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() })
}

/// Verifies a token and gives the person, or the message of the 401; of the 503 with `Retry-After` where nobody could say.
pub(super) async fn verified(verifier: &Verifier, token: &str) -> Result<User, String> {
    verifier.verify(Some(&format!("Bearer {token}"))).await.map_err(|error| {
        let is_undecided = error.message() == "failed to validate access token";
        let status = if is_undecided { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::UNAUTHORIZED };
        assert_eq!(error.code().status(), status, "{}", error.message());
        assert_eq!(error.retry_after_seconds().is_some(), is_undecided);
        error.message().to_owned()
    })
}
