//! Whether a request is signed by AWS' rules (Signature Version 4) with the credentials of a sandbox.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. It shares no line with
//! what signs, so that both cannot be wrong in the same way.

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::TimeZone};
use sha2::{Digest, Sha256};

use crate::lambda::CREDENTIALS;

/// How far the moment of a signature may be from now.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why a request is refused, by AWS' name and words.
pub(super) type Refusal = (&'static str, &'static str);

const MISSING: Refusal = ("MissingAuthenticationToken", "Request is missing Authentication Token");
const UNKNOWN: Refusal =
    ("UnrecognizedClientException", "The security token included in the request is invalid.");
const WRONG: Refusal = (
    "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided.",
);
const LATE: Refusal = ("InvalidSignatureException", "Signature expired");

/// Checks the headers of a `POST` to `path` without a query.
pub(super) fn check(path: &str, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let given = text(header::AUTHORIZATION.as_str()).ok_or(MISSING)?;
    let given = given.strip_prefix("AWS4-HMAC-SHA256 ").ok_or(MISSING)?;
    let part = |name: &str| {
        let parts = given.split(',').map(str::trim);
        parts
            .filter_map(|part| part.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    };
    let (Some(credential), Some(names), Some(signature), Some(date)) =
        (part("Credential"), part("SignedHeaders"), part("Signature"), text("x-amz-date"))
    else {
        return Err(MISSING);
    };
    let (key_id, scope) = credential.split_once('/').ok_or(WRONG)?;
    if key_id != CREDENTIALS.key_id || text("x-amz-security-token") != Some(CREDENTIALS.token) {
        return Err(UNKNOWN);
    }
    let moment = DateTime::strptime("%Y%m%dT%H%M%SZ", date).and_then(|at| at.to_zoned(TimeZone::UTC));
    if moment.map_err(|_| WRONG)?.timestamp().duration_since(now).abs() > SKEW {
        return Err(LATE);
    }
    let signed: Vec<&str> = names.split(';').collect();
    let must_be_signed = |name: &str| name == "host" || name.starts_with("x-amz-");
    let is_service = |scope: &str| scope.starts_with(&date[..8]) && scope.ends_with("/sqs/aws4_request");
    if !signed.is_sorted()
        || !is_service(scope)
        || headers.keys().any(|name| must_be_signed(name.as_str()) && !signed.contains(&name.as_str()))
    {
        return Err(WRONG);
    }

    let mut canonical = format!("POST\n{path}\n\n");
    for name in &signed {
        canonical.push_str(&format!("{name}:{}\n", text(name).ok_or(WRONG)?.trim()));
    }
    canonical.push_str(&format!("\n{names}\n{}", hex(&Sha256::digest(body))));
    let mut key = format!("AWS4{}", CREDENTIALS.secret).into_bytes();
    for part in scope.split('/') {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    let hash = hex(&Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let wanted = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes());
    if hex(wanted.as_ref()) == signature { Ok(()) } else { Err(WRONG) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
