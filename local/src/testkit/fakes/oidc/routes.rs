//! The provider's four addresses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_lc_rs::digest;
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    CLIENT_ID, CLIENT_SECRET, Misbehaviour,
    realm::{Grant, Realm, lock},
};

/// The addresses, over one realm.
pub(super) fn router(state: Arc<Mutex<Realm>>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery_route))
        .route("/keys", get(keys_route))
        .route("/authorize", get(authorize_route))
        .route("/token", post(token_route))
        .route("/v3.0/me", get(me_route))
        .route("/v3.0/users/{id}", get(user_route))
        .with_state(state)
}

async fn discovery_route(State(state): State<Arc<Mutex<Realm>>>) -> Response {
    let mut realm = lock(&state);
    realm.discoveries += 1;
    if realm.does(&Misbehaviour::NoDiscovery) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let address = realm.issuer.clone();
    let issuer = match realm.does(&Misbehaviour::ForeignDiscovery) {
        true => "https://accounts.example.com",
        false => &address,
    };
    let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{address}/authorize"),
            "token_endpoint": format!("{address}/token"),
            "jwks_uri": format!("{address}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            // HS256 stands here to tempt the client.
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256"],
            "scopes_supported": ["openid", "email", "profile"],
            "token_endpoint_auth_methods_supported": realm.auth_methods,
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": ["aud", "email", "email_verified", "exp", "iat", "iss", "name", "sub"]
    });
    if realm.does(&Misbehaviour::OddDocuments) {
        document["response_types_supported"] = json!("code");
        document["id_token_signing_alg_values_supported"] = json!({ "RS256": true });
        document["scopes_supported"] = json!(7);
        document["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic", 7]);
        document["claims_supported"] = json!(null);
        document["userinfo_endpoint"] = json!("nowhere");
    }
    json_answer(StatusCode::OK, &document)
}

async fn keys_route(State(state): State<Arc<Mutex<Realm>>>) -> Response {
    let mut realm = lock(&state);
    realm.key_fetches += 1;
    if realm.does(&Misbehaviour::NoKeys) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let mut keys: Vec<_> = realm.keys.iter().map(|key| key.jwk()).collect();
    if realm.does(&Misbehaviour::OddDocuments) {
        keys.extend([json!("a key"), json!({ "kty": "lattice", "kid": 7 })]);
    }
    json_answer(StatusCode::OK, &json!({ "keys": keys }))
}

/// The authentication request (OpenID Connect Core 1.0, section 3.1.2) with PKCE (RFC 7636, section 4.3). Whoever is
/// signed in is sent back at once.
async fn authorize_route(State(state): State<Arc<Mutex<Realm>>>, uri: Uri) -> Response {
    let mut realm = lock(&state);
    let given = pairs(uri.query().unwrap_or_default());
    let text = |name: &str| given.get(name).cloned().unwrap_or_default();
    let has_openid = text("scope").split(' ').any(|scope| scope == "openid");
    let is_good = text("client_id") == CLIENT_ID
        && text("response_type") == "code"
        && text("code_challenge_method") == "S256"
        && text("code_challenge").len() == 43
        && !text("state").is_empty()
        && !text("nonce").is_empty()
        && has_openid;
    let Some(mut back) = Url::parse(&text("redirect_uri")).ok().filter(|_| is_good) else {
        return (StatusCode::BAD_REQUEST, "not an authentication request").into_response();
    };
    let (nonce, challenge) = (text("nonce"), text("code_challenge"));
    realm.secrets.extend([text("state"), nonce.clone()]);
    if let Some(Misbehaviour::Refuses(error)) = &realm.misbehaviour {
        let description = "refused for secret@example.com";
        back.query_pairs_mut().append_pair("error", error).append_pair("error_description", description);
    } else {
        let code = format!("code/{}+=", Uuid::new_v4());
        let (redirect_uri, person) = (text("redirect_uri"), realm.person.clone());
        realm.secrets.push(code.clone());
        realm.codes.insert(code.clone(), Grant { redirect_uri, nonce, challenge, person });
        back.query_pairs_mut().append_pair("code", &code);
    }
    back.query_pairs_mut().append_pair("state", &text("state"));
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

/// The token request (RFC 6749, section 4.1.3).
async fn token_route(State(state): State<Arc<Mutex<Realm>>>, headers: HeaderMap, body: String) -> Response {
    let misbehaviour = {
        let mut realm = lock(&state);
        realm.exchanges += 1;
        realm.misbehaviour.clone()
    };
    match misbehaviour {
        Some(Misbehaviour::TokenHangs) => return std::future::pending().await,
        Some(Misbehaviour::TokenStatus(status)) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let description = "a secret of secret@example.com";
            return json_answer(status, &json!({"error": "server_error", "error_description": description}));
        }
        Some(Misbehaviour::TokenBody(text)) => {
            return ([(header::CONTENT_TYPE, "application/json")], text).into_response();
        }
        Some(Misbehaviour::TokenRedirect(address)) => {
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, address)]).into_response();
        }
        _ => {}
    }
    let mut realm = lock(&state);
    let given = pairs(&body);
    let text = |name: &str| given.get(name).cloned().unwrap_or_default();
    realm.secrets.push(text("code_verifier"));
    if !is_client(&realm, &headers, &given) {
        return json_answer(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"}));
    }
    // A code works once.
    let grant = realm.codes.remove(&text("code")).filter(|grant| {
        let verifier = digest::digest(&digest::SHA256, text("code_verifier").as_bytes());
        text("grant_type") == "authorization_code"
            && grant.redirect_uri == text("redirect_uri")
            && grant.challenge == URL_SAFE_NO_PAD.encode(verifier)
    });
    let Some(grant) = grant else {
        return json_answer(StatusCode::BAD_REQUEST, &json!({"error": "invalid_grant"}));
    };
    let access_token = format!("access-{}", Uuid::new_v4());
    let id_token = realm.id_token(&grant);
    realm.secrets.extend([access_token.clone(), id_token.clone()]);
    let mut answer = json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 3600});
    realm.access.insert(access_token, grant.person);
    if realm.does(&Misbehaviour::OddDocuments) {
        answer["token_type"] = json!(7);
        answer["expires_in"] = json!("soon");
        answer["scope"] = json!(["openid"]);
    }
    if !realm.does(&Misbehaviour::NoIdToken) {
        answer["id_token"] = json!(id_token);
    }
    json_answer(StatusCode::OK, &answer)
}

/// Clever's API: whose the access token is.
async fn me_route(State(state): State<Arc<Mutex<Realm>>>, headers: HeaderMap) -> Response {
    match of_access_token(&lock(&state), &headers) {
        Some(person) => {
            let me = json!({ "type": "user", "data": { "id": person["sub"], "type": "user" }, "links": [] });
            json_answer(StatusCode::OK, &me)
        }
        None => json_answer(StatusCode::UNAUTHORIZED, &json!({"message": "invalid token"})),
    }
}

/// Clever's API: what it says of a person.
async fn user_route(
    State(state): State<Arc<Mutex<Realm>>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match of_access_token(&lock(&state), &headers).filter(|person| person["sub"] == id.as_str()) {
        Some(person) => {
            let mut roles = json!({ "student": null, "teacher": null, "staff": null });
            if let Some(kind) = person["user_type"].as_str() {
                roles[kind] = json!({ "legacy_id": id });
            }
            let user = json!({
                "id": id, "email": person["email"], "district": person["district"], "roles": roles,
                "name": { "first": person["given_name"], "last": person["family_name"] },
            });
            json_answer(StatusCode::OK, &json!({ "data": user }))
        }
        None => json_answer(StatusCode::NOT_FOUND, &json!({"message": "no such user"})),
    }
}

fn of_access_token(realm: &Realm, headers: &HeaderMap) -> Option<Value> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    realm.access.get(token).cloned()
}

/// Client authentication (RFC 6749, section 2.3.1): both parts are form-encoded before they become Basic credentials.
fn is_client(realm: &Realm, headers: &HeaderMap, form: &BTreeMap<String, String>) -> bool {
    let basic =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    let (method, id, secret) = match basic {
        Some(basic) => {
            let credentials = STANDARD.decode(basic).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let credentials = credentials.unwrap_or_default();
            let (id, secret) = credentials.split_once(':').unwrap_or_default();
            let decoded = |text: &str| pairs(&format!("x={text}")).remove("x").unwrap_or_default();
            ("client_secret_basic", decoded(id), decoded(secret))
        }
        None => {
            let text = |name: &str| form.get(name).cloned().unwrap_or_default();
            ("client_secret_post", text("client_id"), text("client_secret"))
        }
    };
    realm.auth_methods.contains(&method) && id == CLIENT_ID && secret == CLIENT_SECRET
}

/// A query or a form by name.
fn pairs(encoded: &str) -> BTreeMap<String, String> {
    let url = Url::parse(&format!("http://form/?{encoded}")).expect("an address with any query");
    url.query_pairs().into_owned().collect()
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
