//! The way to a provider, and the way back with a code that becomes an [`Identity`].

use reqwest::StatusCode;
use serde_json::Value;
use shared::http_client;
use shared::prelude::*;

use super::attempt::Attempt;
use super::failure::{self, Failure};
use super::id_token::{self, Claims, Expected, Refused};
use super::metadata::Metadata;
use super::{Callback, Identity, OidcClient, Provider, clever_api, http, metadata};

/// What a browser is sent to a provider with.
pub(super) struct Request<'a> {
    pub(super) state: &'a str,
    pub(super) nonce: &'a str,
    /// The code challenge (RFC 7636, section 4.2).
    pub(super) challenge: &'a str,
    /// Whether the person shall choose among their accounts there, although they are signed in to one.
    pub(super) chooses_account: bool,
}

impl OidcClient {
    /// Where a browser signs in. 502 if the provider's discovery document cannot be had.
    pub(super) async fn authorization_url(&self, request: &Request<'_>) -> Result<String> {
        let (metadata, _) = metadata::get(&self.issuer).await.map_err(|failure| failure.at(self.provider))?;
        let mut address = metadata.authorization_endpoint;
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", &self.redirect_url)
            .append_pair("scope", "openid email profile")
            .append_pair("state", request.state)
            .append_pair("nonce", request.nonce)
            .append_pair("code_challenge", request.challenge)
            .append_pair("code_challenge_method", "S256");
        if request.chooses_account {
            address.query_pairs_mut().append_pair("prompt", "select_account");
        }
        Ok(address.into())
    }

    /// The person whom the browser came back as. 502 if the provider does not work, 401 for whatever else is wrong; the log
    /// says what.
    pub async fn identify(&self, attempt: &Attempt, callback: &Callback) -> Result<Identity> {
        if let Some(error) = &callback.error {
            return Err(failure::of_callback(error).at(self.provider));
        }
        let Some(code) = &callback.code else {
            return Err(Failure::refused("the browser came back without a code").at(self.provider));
        };
        let claims = self.claims(attempt, code).await.map_err(|failure| failure.at(self.provider))?;
        Identity::read(self.provider, &claims)
    }

    /// What the provider says of the person whom a code stands for.
    async fn claims(&self, attempt: &Attempt, code: &str) -> Result<Claims, Failure> {
        let (metadata, is_new) = metadata::get(&self.issuer).await?;
        let tokens = self.tokens(&metadata, attempt, code).await?;
        let Some(token) = tokens["id_token"].as_str() else {
            return match (self.provider, tokens["access_token"].as_str()) {
                // Who has a Library account of their own gets no ID token.
                (Provider::Clever, Some(access)) => clever_api::claims(&self.clever_api_url, access).await,
                _ => Err(Failure::refused("the token endpoint gave no ID token")),
            };
        };
        let expected = Expected { issuer: &self.issuer, client_id: &self.client_id, nonce: &attempt.nonce };
        match id_token::verified(token, &metadata.keys, &expected) {
            // The provider may have changed its keys since they were fetched.
            Err(Refused::UnknownKey) if !is_new => {
                let metadata = metadata::fetch(&self.issuer).await?;
                Ok(id_token::verified(token, &metadata.keys, &expected)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// The token request (RFC 6749, section 4.1.3) with the code's verifier (RFC 7636, section 4.5).
    async fn tokens(&self, metadata: &Metadata, attempt: &Attempt, code: &str) -> Result<Value, Failure> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect_url),
            ("code_verifier", &attempt.pkce_verifier),
        ];
        let mut request = http_client::client().post(metadata.token_endpoint.clone());
        match metadata.takes_basic {
            // Both parts are form-encoded before they become credentials (RFC 6749, section 2.3.1).
            true => {
                request = request.basic_auth(encoded(&self.client_id), Some(encoded(&self.client_secret)))
            }
            false => form.extend([("client_id", &*self.client_id), ("client_secret", &*self.client_secret)]),
        }
        let form: Vec<String> =
            form.into_iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body(form.join("&"));
        let answer = http::send(request).await?;
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match (answer.status, body) {
            (StatusCode::OK, Some(tokens @ Value::Object(_))) => Ok(tokens),
            (StatusCode::OK, _) if !answer.body.is_empty() => {
                Err(Failure::outage("the token endpoint's answer cannot be read"))
            }
            (status, Some(body)) if status.is_client_error() => {
                Err(failure::of_token_endpoint(body["error"].as_str().unwrap_or_default()))
            }
            _ => Err(Failure::outage("the token endpoint's answer is empty or no JSON")),
        }
    }
}

/// The text with everything but unreserved characters percent-encoded, which every reader of a form decodes.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
