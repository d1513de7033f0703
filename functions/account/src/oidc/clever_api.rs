//! Who a Clever Library user is: their token answer has no ID token, so Clever's API is asked with the access token.
//!
//! Source: <https://dev.clever.com/docs/library-integration-guide>. The answer comes over TLS from the address that the
//! settings name, with the token that this browser's code was changed into.

use reqwest::{StatusCode, Url};
use serde_json::{Value, json};
use shared::http_client;

use super::failure::Failure;
use super::http;
use super::id_token::Claims;

/// The person of an access token, in the claims that an ID token has.
pub(super) async fn claims(api: &str, access_token: &str) -> Result<Claims, Failure> {
    let me = ask(api, "me", access_token).await?;
    let id = me["data"]["id"].as_str().unwrap_or_default();
    // It becomes part of an address.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Failure::refused("Clever's API does not say who the person is"));
    }
    let user = ask(api, &format!("users/{id}"), access_token).await?;
    let user = &user["data"];
    let roles = user["roles"].as_object();
    let role = ["student", "teacher", "staff"]
        .into_iter()
        .find(|role| roles.is_some_and(|roles| roles.get(*role).is_some_and(|role| !role.is_null())));
    let claims = json!({
        "sub": id,
        "email": user["email"],
        "given_name": user["name"]["first"],
        "family_name": user["name"]["last"],
        "user_type": role,
        "district": user["district"],
    });
    match claims {
        Value::Object(claims) => Ok(claims),
        _ => Err(Failure::refused("Clever's API does not say who the person is")),
    }
}

async fn ask(api: &str, path: &str, access_token: &str) -> Result<Value, Failure> {
    let address = format!("{}/v3.0/{path}", api.trim_end_matches('/'));
    let address = Url::parse(&address).map_err(|_| Failure::outage("the address of Clever's API is none"))?;
    let answer = http::send(http_client::client().get(address).bearer_auth(access_token)).await?;
    if answer.status != StatusCode::OK {
        return Err(Failure::refused("Clever's API refused the access token"));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| Failure::outage("the answer of Clever's API cannot be read"))
}
