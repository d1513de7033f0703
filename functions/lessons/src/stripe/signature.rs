//! Whether it is Stripe that tells of an event.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::describe::Operation;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::settings::{self, SettingError};

use super::{livemode, secret};

/// How far an event's signature may lie before or behind our clock, in seconds.
const TOLERANCE: i64 = 300;

/// An event whose signature is Stripe's.
pub struct Signed(pub Value);

impl FromRequest for Signed {
    fn start() -> Result<(), SettingError> {
        livemode().map(drop)
    }

    async fn from_request(request: &mut Request) -> Result<Signed> {
        let secrets = match settings::find("STRIPE_WEBHOOK_SECRET") {
            Some(secrets) => Some(secrets),
            None => secret("webhook").await?,
        };
        let secrets = secrets.ok_or_else(|| unavailable("payments by Stripe are not configured", 3600))?;
        let header = request.header("stripe-signature").unwrap_or_default();
        let now = Timestamp::now().as_second();
        if !secrets.split(',').any(|secret| is_signed(header, &request.body, secret.trim(), now)) {
            let sentence =
                "Stripe-Signature should be Stripe's signature of this body, at most 5 minutes old";
            return Err(invalid_field("/Stripe-Signature", "signature", sentence));
        }
        let event = serde_json::from_slice(&request.body);
        event.map(Signed).map_err(|_| invalid_field("", "json", "the body should be an event"))
    }

    fn describe(operation: &mut Operation) {
        let schema = json!({ "type": "string" });
        operation.header("Stripe-Signature", "`t=…,v1=…`: HMAC-SHA256 of time and body.", schema);
        operation.error(400, "The signature is not Stripe's, or too old");
        operation.error(503, "Payments by Stripe are not configured");
    }
}

/// Whether one of the header's signatures `v1` is this secret's, over its time and the body, and the time is about now. There
/// may be several, while a secret is changed for another. Source: docs.stripe.com/webhooks#verify-manually.
fn is_signed(header: &str, body: &[u8], secret: &str, now: i64) -> bool {
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let Some((_, time)) = parts().find(|(name, _)| *name == "t") else { return false };
    let is_timely = time.parse::<i64>().is_ok_and(|time| now.abs_diff(time) <= TOLERANCE.unsigned_abs());
    if !is_timely || secret.is_empty() {
        return false;
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    // `verify` takes the same time wherever a signature is wrong.
    parts()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, text)| unhex(text))
        .any(|signature| hmac::verify(&key, &signed, &signature).is_ok())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() != 64 {
        return None;
    }
    (0..32).map(|place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(secret: &str, time: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn a_signature_is_of_its_time_its_body_and_a_secret() {
        let (now, body) = (1_800_000_000, r#"{"id":"evt_1"}"#);
        let header = |time: i64, secret: &str| format!("t={time},v1={}", sign(secret, time, body));
        let good = |header: &str| is_signed(header, body.as_bytes(), "whsec_a", now);
        for off in [0, 300, -300] {
            assert!(good(&header(now + off, "whsec_a")), "{off}");
        }
        for off in [301, -301] {
            assert!(!good(&header(now + off, "whsec_a")), "{off}");
        }
        assert!(!good(&header(now, "whsec_b")));
        assert!(!good(&format!("t={},v1={}", now - 1, sign("whsec_a", now, body))));
        assert!(!is_signed(&header(now, "whsec_a"), b"{}", "whsec_a", now));
        assert!(!is_signed(&header(now, ""), body.as_bytes(), "", now));
        // Two secrets sign while one takes over from the other; `v0` is a test's and counts for nothing.
        let both =
            format!("t={now},v0=00,v1={},v1={}", sign("whsec_b", now, body), sign("whsec_a", now, body));
        assert!(good(&both));
        assert!(!good(&format!("t={now},v0={}", sign("whsec_a", now, body))));
        for bad in [
            "",
            "t=",
            "v1=00",
            "t=x,v1=00",
            &format!("t={now},v1=zz"),
            &format!("t={now},v1={}é", "0".repeat(62)),
        ] {
            assert!(!good(bad), "{bad}");
        }
    }
}
