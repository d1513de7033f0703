//! An ID token: who signed it, for whom, and when (OpenID Connect Core 1.0, section 3.1.3.7).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use shared::auth::VerifyingKey;

use super::attempt;
use super::failure::Failure;

/// What a token says. Claims that nobody here asks for may be of any form.
pub(super) type Claims = Map<String, Value>;

/// How far a provider's clock may be ahead of ours, in seconds.
const SKEW: f64 = 120.0;

/// What a token must say.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
}

/// Why a token is not believed.
pub(super) enum Refused {
    /// No key of this id is known: one may have been published since.
    UnknownKey,
    /// Anything else, in words for the log.
    Because(&'static str),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        Failure::refused(match refused {
            Refused::UnknownKey => "the ID token's key is unknown",
            Refused::Because(words) => words,
        })
    }
}

/// The claims of a token that is signed with one of these keys, of `expected` and of now.
pub(super) fn verified(
    token: &str,
    keys: &HashMap<String, Arc<VerifyingKey>>,
    expected: &Expected<'_>,
) -> Result<Claims, Refused> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { return Err(Refused::Because(NONE)) };
    let (header, claims) = (part(header)?, part(claims)?);
    let algorithm = match header["alg"].as_str() {
        Some("RS256") => Algorithm::RS256,
        Some("ES256") => Algorithm::ES256,
        Some("none") => return Err(Refused::Because("the ID token is not signed")),
        // Public keys only: with HS256 whoever knows the client's secret could sign.
        _ => return Err(Refused::Because("the ID token's algorithm is not allowed")),
    };
    // RFC 7515, section 4.1.11: extensions that must be understood, of which none is here.
    if !header["crit"].is_null() {
        return Err(Refused::Because(NONE));
    }
    let key = header["kid"].as_str().and_then(|kid| keys.get(kid)).ok_or(Refused::UnknownKey)?;
    let message = token.rsplit_once('.').map(|(message, _)| message.as_bytes()).unwrap_or_default();
    if key.algorithm != algorithm || !key.has_signed(message, signature) {
        return Err(Refused::Because("the ID token's signature is wrong"));
    }
    let Value::Object(claims) = claims else { return Err(Refused::Because(NONE)) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    check(&claims, expected, now).map_err(Refused::Because)?;
    Ok(claims)
}

const NONE: &str = "the ID token is not one";

fn check(claims: &Claims, expected: &Expected<'_>, now: f64) -> Result<(), &'static str> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).and_then(Value::as_f64).ok_or("the ID token has no time");
    if text("iss") != Some(expected.issuer) {
        return Err("the ID token is another issuer's");
    }
    // A second audience could hand the token on to us.
    let is_ours = match claims.get("aud") {
        Some(Value::Array(audiences)) => matches!(&audiences[..], [only] if *only == expected.client_id),
        other => other.and_then(Value::as_str) == Some(expected.client_id),
    };
    if !is_ours {
        return Err("the ID token is for another audience");
    }
    // It was made for this attempt.
    let age = now - time("iat")?;
    if time("exp")? <= now || !(-SKEW..=f64::from(attempt::SECONDS) + SKEW).contains(&age) {
        return Err("the ID token is expired, or not of now");
    }
    if text("nonce") != Some(expected.nonce) {
        return Err("the ID token's nonce is wrong");
    }
    Ok(())
}

fn part(text: &str) -> Result<Value, Refused> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused::Because(NONE))?;
    serde_json::from_slice(&bytes).map_err(|_| Refused::Because(NONE))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_nobody_asks_for_may_be_of_any_form_and_what_counts_may_not() {
        let good = json!({
            "iss": "i", "aud": ["c"], "iat": 1000, "exp": 2000.5, "nonce": "n",
            "locale": {"language": "en"}, "address": 7, "phone_number_verified": "yes", "updated_at": "yesterday",
        });
        let expected = Expected { issuer: "i", client_id: "c", nonce: "n" };
        let checked = |name: &str, value: Value| {
            let mut claims = good.as_object().unwrap().clone();
            claims.insert(name.to_owned(), value);
            check(&claims, &expected, 1010.0)
        };
        assert_eq!(checked("aud", json!("c")), Ok(()));
        assert_eq!(checked("zoneinfo", json!([])), Ok(()));
        for (name, value) in [
            ("iss", json!("x")),
            ("iss", json!(null)),
            ("aud", json!([])),
            ("aud", json!(["c", "d"])),
            ("aud", json!({"c": true})),
            ("iat", json!("1000")),
            ("iat", json!(1200)),
            ("iat", json!(1)),
            ("exp", json!(1010)),
            ("exp", json!(null)),
            ("nonce", json!(null)),
            ("nonce", json!("m")),
        ] {
            assert!(checked(name, value.clone()).is_err(), "{name}: {value}");
        }
    }
}
