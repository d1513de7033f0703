//! Stripe: five calls, and what its events say of our payments. A thin client, because five calls need no library.
//!
//! Stripe writes amounts in units of its own, which mostly are ISO 4217's; where they are not, this module knows.

use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use shared::describe::Operation;
use shared::error::{Code, Error, upstream_unavailable};
use shared::http_client;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::secrets;
use shared::settings::{self, SettingError};

use crate::money::Currency;

/// The version of the API that requests and answers are of.
const VERSION: &str = "2025-09-30.clover";
/// How long one attempt of a call may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// The largest answer that is read.
const LIMIT: usize = 1 << 20;
/// How far an event's signature may lie before or behind our clock, in seconds.
const TOLERANCE: i64 = 300;

/// Our account at Stripe, as a handler's parameter. There may be none.
pub struct Stripe {
    key: Option<String>,
    api: String,
}

/// Why a call gave nothing.
#[derive(Debug)]
pub enum Failure {
    /// Stripe says no, and would again.
    Refused(String),
    /// Nobody knows whether it was done. The same call with the same key does it once.
    Unknown(String),
}

/// A page where somebody pays.
pub struct Session {
    /// Stripe's id of it.
    pub id: String,
    /// Its address.
    pub url: String,
}

/// What somebody pays for.
pub struct Checkout<'a> {
    /// Our payment, whose id is the call's key as well: the same payment has one page.
    pub payment_id: Uuid,
    /// What stands on the page.
    pub title: &'a str,
    /// How much, in the currency's smallest unit.
    pub amount_minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// When the page ends, if not after Stripe's own time: half an hour from now at least.
    pub ends_at: Option<Time>,
}

/// What one event says of a payment of ours, in our words.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Stripe's id of the event.
    pub event: String,
    /// Its type.
    pub kind: String,
    /// Whether it is about real money.
    pub livemode: bool,
    /// When it happened.
    pub at: Time,
    /// What it says; see `lessons.apply_event`.
    pub said: Value,
    /// `ignored` for what concerns no payment, `mismatched` for what cannot be about one of ours.
    pub verdict: Option<&'static str>,
}

/// An event whose signature is Stripe's.
pub struct Signed(pub Value);

/// How many decimals amounts at Stripe have; none for a currency that it does not take. ISK and UGX have two there and none in
/// ISO 4217, the ariary the reverse. Source: docs.stripe.com/currencies.
fn decimals(currency: Currency) -> Option<usize> {
    match (currency.code(), currency.decimals()) {
        ("ISK" | "UGX", _) => Some(2),
        ("MGA", _) => Some(0),
        (_, decimals @ 0..=3) => Some(decimals),
        _ => None,
    }
}

/// An amount as Stripe writes it; none for one that cannot be said there. Of three decimals the last is a zero.
pub fn amount(currency: Currency, minor: i64) -> Option<i64> {
    let scaled = scale(minor, currency.decimals(), decimals(currency)?)?;
    (decimals(currency)? < 3 || scaled % 10 == 0).then_some(scaled)
}

/// An amount of Stripe's in the currency's smallest unit; none for one that cannot be said in it.
pub fn minor(currency: Currency, amount: i64) -> Option<i64> {
    scale(amount, decimals(currency)?, currency.decimals())
}

fn scale(number: i64, from: usize, to: usize) -> Option<i64> {
    let factor = 10_i64.pow(u32::try_from(from.abs_diff(to)).ok()?);
    if to >= from {
        return number.checked_mul(factor);
    }
    (number % factor == 0).then_some(number / factor)
}

impl FromRequest for Stripe {
    fn start() -> Result<(), SettingError> {
        livemode().map(drop)
    }

    async fn from_request(_: &mut Request) -> Result<Stripe> {
        Stripe::from_settings().await
    }

    fn describe(_: &mut Operation) {}
}

impl Stripe {
    /// By `STRIPE_SECRET_KEY`, or the member `key` of the secret of `STRIPE_SECRET_ARN`; none without either.
    pub async fn from_settings() -> Result<Stripe> {
        let api = settings::find("STRIPE_API_URL").unwrap_or_else(|| "https://api.stripe.com".to_owned());
        let key = match settings::find("STRIPE_SECRET_KEY") {
            Some(key) => Some(key),
            None => secret("key").await?,
        };
        Ok(Stripe { key, api: api.trim_end_matches('/').to_owned() })
    }

    /// Whether there is an account.
    pub fn is_configured(&self) -> bool {
        self.key.is_some()
    }

    /// Makes the page where a payment is paid.
    pub async fn create_session(&self, checkout: &Checkout<'_>) -> Result<Session, Failure> {
        let payment = checkout.payment_id.to_string();
        let amount = amount(checkout.currency, checkout.amount_minor);
        let amount = amount.ok_or_else(|| Failure::Refused("the amount cannot be said".to_owned()))?;
        let back = format!("{}/payment?id={payment}", settings::app_url());
        let mut form = vec![
            ("mode", "payment".to_owned()),
            ("client_reference_id", payment.clone()),
            ("metadata[payment_id]", payment.clone()),
            ("payment_intent_data[metadata][payment_id]", payment.clone()),
            ("line_items[0][quantity]", "1".to_owned()),
            ("line_items[0][price_data][currency]", checkout.currency.code().to_lowercase()),
            ("line_items[0][price_data][unit_amount]", amount.to_string()),
            ("line_items[0][price_data][product_data][name]", checkout.title.to_owned()),
            ("success_url", back.clone()),
            ("cancel_url", back),
        ];
        if let Some(ends_at) = checkout.ends_at {
            form.push(("expires_at", ends_at.0.as_second().to_string()));
        }
        let answer = self.call(Method::POST, "/v1/checkout/sessions", &form, Some(&payment)).await?;
        match (answer["id"].as_str(), answer["url"].as_str()) {
            (Some(id), Some(url)) => Ok(Session { id: id.to_owned(), url: url.to_owned() }),
            _ => Err(Failure::Unknown("a session without id or address".to_owned())),
        }
    }

    /// The page where a payment is paid, as it is now.
    pub async fn session(&self, id: &str) -> Result<Value, Failure> {
        self.call(Method::GET, &format!("/v1/checkout/sessions/{id}"), &[], None).await
    }

    /// A payment at Stripe, as it is now.
    pub async fn intent(&self, id: &str) -> Result<Value, Failure> {
        self.call(Method::GET, &format!("/v1/payment_intents/{id}"), &[], None).await
    }

    /// Gives money back; gives Stripe's refund.
    pub async fn refund(
        &self,
        (payment_id, refund_id): (Uuid, Uuid),
        intent: &str,
        amount: i64,
    ) -> Result<Value, Failure> {
        let key = refund_id.to_string();
        let form = [
            ("payment_intent", intent.to_owned()),
            ("amount", amount.to_string()),
            ("metadata[payment_id]", payment_id.to_string()),
            ("metadata[refund_id]", key.clone()),
        ];
        self.call(Method::POST, "/v1/refunds", &form, Some(&key)).await
    }

    /// One call, which is made again once when nobody knows what became of it.
    async fn call(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, String)],
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let first = self.attempt(method.clone(), path, form, key).await;
        match first {
            Err(Failure::Unknown(_)) => self.attempt(method, path, form, key).await,
            known => known,
        }
    }

    async fn attempt(
        &self,
        method: Method,
        path: &str,
        form: &[(&str, String)],
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let secret = self.key.as_deref().ok_or_else(|| Failure::Refused("there is no account".to_owned()))?;
        let url = Url::parse(&format!("{}{path}", self.api));
        let url = url.map_err(|_| Failure::Refused("STRIPE_API_URL is no address".to_owned()))?;
        let mut request = http_client::client()
            .request(method, url)
            .timeout(PATIENCE)
            .header(AUTHORIZATION, format!("Bearer {secret}"))
            .header("stripe-version", VERSION);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if !form.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(encode(form));
        }
        let unknown = |cause: &dyn std::fmt::Display| Failure::Unknown(cause.to_string());
        let response = request.send().await.map_err(|cause| unknown(&cause.without_url()))?;
        let status = response.status().as_u16();
        let body = http_client::read(response, LIMIT).await.map_err(|cause| unknown(&cause))?;
        let body: Value =
            serde_json::from_slice(&body).map_err(|_| Failure::Unknown(format!("{status} and no JSON")))?;
        match status {
            200..=299 => Ok(body),
            // 409: the same key is at work right now.
            409 | 429 | 500.. => Err(Failure::Unknown(format!("{status}"))),
            _ => {
                let code =
                    body["error"]["code"].as_str().or(body["error"]["type"].as_str()).unwrap_or("error");
                Err(Failure::Refused(code.chars().take(100).collect()))
            }
        }
    }
}

/// `application/x-www-form-urlencoded` (WHATWG URL).
fn encode(form: &[(&str, String)]) -> String {
    let mut url = Url::parse("http://form/").expect("an address");
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

impl From<Failure> for Error {
    #[track_caller]
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Refused(why) => {
                Error::new(Code::UpstreamUnavailable, "the payment provider refused").because(why)
            }
            Failure::Unknown(why) => {
                upstream_unavailable("the payment provider does not answer").because(why)
            }
        }
    }
}

/// Whether events are about real money: `STRIPE_LIVEMODE`, default `false`.
pub fn livemode() -> Result<bool, SettingError> {
    let said = match settings::find("STRIPE_LIVEMODE").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err("STRIPE_LIVEMODE must be true or false".to_owned()),
    };
    let is_live_key = settings::find("STRIPE_SECRET_KEY").map(|key| key.contains("_live_"));
    if is_live_key.is_some_and(|is_live| is_live != said) {
        return Err("STRIPE_LIVEMODE must say whether STRIPE_SECRET_KEY is a live one".to_owned());
    }
    Ok(said)
}

/// A member of the secret of `STRIPE_SECRET_ARN`: JSON with the texts `key` and `webhook`.
async fn secret(member: &str) -> Result<Option<String>> {
    let Some(arn) = settings::find("STRIPE_SECRET_ARN") else { return Ok(None) };
    // A parser's complaint could repeat a part of the secret.
    let secret: Value = serde_json::from_str(&secrets::get(&arn).await?)
        .map_err(|_| internal("the secret of STRIPE_SECRET_ARN is no JSON"))?;
    match secret[member].as_str().filter(|text| !text.is_empty()) {
        Some(text) => Ok(Some(text.to_owned())),
        None => Err(internal(format!("the secret of STRIPE_SECRET_ARN has no text `{member}`"))),
    }
}

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

impl Told {
    /// What an event says; 400 for what is no event.
    pub fn of_event(event: &Value) -> Result<Told> {
        let text = |value: &Value, limit: usize| {
            value.as_str().filter(|text| (1..=limit).contains(&text.len())).map(str::to_owned)
        };
        let (Some(id), Some(kind)) = (text(&event["id"], 255), text(&event["type"], 128)) else {
            return Err(invalid_field("", "event", "the body should be an event"));
        };
        let at = event["created"].as_i64().and_then(|second| Timestamp::from_second(second).ok());
        let (said, verdict) = said(&kind, &event["data"]["object"]);
        Ok(Told {
            event: id,
            kind,
            livemode: event["livemode"].as_bool().unwrap_or_default(),
            at: Time(at.unwrap_or_else(Timestamp::now)),
            said,
            verdict,
        })
    }

    /// What a session says that was asked for, as if by an event; none while nobody has paid and may still.
    pub fn of_session(session: &Value) -> Option<Told> {
        let kind = match (session["status"].as_str()?, session["payment_status"].as_str()?) {
            ("complete", _) => "checkout.session.completed",
            ("expired", _) => "checkout.session.expired",
            _ => return None,
        };
        let (said, verdict) = said(kind, session);
        let (id, status) = (session["id"].as_str()?, session["payment_status"].as_str()?);
        Some(Told {
            event: format!("asked:{id}:{kind}:{status}"),
            kind: kind.to_owned(),
            livemode: session["livemode"].as_bool().unwrap_or_default(),
            at: Time(Timestamp::now()),
            said,
            verdict,
        })
    }

    /// That a page which nobody was told of has ended.
    pub fn of_lost_page(payment_id: Uuid, currency: &str) -> Told {
        Told {
            event: format!("lost:{payment_id}"),
            kind: "checkout.session.expired".to_owned(),
            livemode: livemode().unwrap_or_default(),
            at: Time(Timestamp::now()),
            said: json!({ "fact": "expired", "payment_id": payment_id, "currency": currency }),
            verdict: None,
        }
    }

    /// The payment at Stripe that must be looked at to know which of ours it is about: refunds and disputes that were not
    /// begun here do not say.
    pub fn unknown_intent(&self) -> Option<&str> {
        match (&self.said["payment_id"], self.verdict) {
            (Value::Null, None) => self.said["intent"].as_str(),
            _ => None,
        }
    }

    /// With what the payment at Stripe says of itself.
    pub fn with_intent(mut self, intent: &Value) -> Told {
        self.said["payment_id"] = ours(intent, "payment_id");
        self
    }
}

/// The fact that an object of an event states, and a verdict where there is none.
fn said(kind: &str, object: &Value) -> (Value, Option<&'static str>) {
    let fact = match kind {
        "checkout.session.completed" if object["payment_status"] == "unpaid" => "processing",
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => "paid",
        "checkout.session.async_payment_failed" => "failed",
        "checkout.session.expired" => "expired",
        "charge.refunded" => "charge_refunded",
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => "refund",
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => "dispute",
        _ => return (json!({ "object": id(&object["id"]) }), Some("ignored")),
    };
    let code = object["currency"].as_str().unwrap_or_default();
    let currency = Currency::parse(code);
    let money = |value: &Value| currency.and_then(|currency| minor(currency, value.as_i64()?));
    let amount =
        if fact == "paid" || fact == "processing" { &object["amount_total"] } else { &object["amount"] };
    let is_session = kind.starts_with("checkout.session.");
    let status = match (fact, object["status"].as_str().unwrap_or_default()) {
        ("refund", "succeeded") => "succeeded",
        ("refund", "failed" | "canceled") => "failed",
        ("refund", _) => "pending",
        ("dispute", "won") => "won",
        ("dispute", "lost") => "lost",
        ("dispute", status) if status.starts_with("warning") || status == "prevented" => "warning",
        ("dispute", _) => "open",
        _ => "",
    };
    let payment = match ours(object, "payment_id") {
        Value::Null => uuid(&object["client_reference_id"]),
        known => known,
    };
    let said = json!({
        "fact": fact,
        "payment_id": payment,
        "session": if is_session { id(&object["id"]) } else { Value::Null },
        "intent": id(&object["payment_intent"]),
        "amount_minor": money(amount),
        "currency": code.chars().take(3).collect::<String>().to_uppercase(),
        "refunded_minor": if fact == "charge_refunded" { json!(money(&object["amount_refunded"])) } else { Value::Null },
        "refund": if fact == "refund" { id(&object["id"]) } else { Value::Null },
        "refund_id": if fact == "refund" { ours(object, "refund_id") } else { Value::Null },
        "dispute": if fact == "dispute" { id(&object["id"]) } else { Value::Null },
        "status": status,
    });
    (said, None)
}

/// An id of ours that we wrote into an object's metadata.
fn ours(object: &Value, name: &str) -> Value {
    uuid(&object["metadata"][name])
}

fn uuid(value: &Value) -> Value {
    json!(value.as_str().and_then(|text| text.parse::<Uuid>().ok()))
}

/// An id of Stripe's, or of the object that stands in its place.
fn id(value: &Value) -> Value {
    let text = value.as_str().or_else(|| value["id"].as_str()).filter(|text| (1..=255).contains(&text.len()));
    json!(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripe_has_factors_of_its_own() {
        let currency = |code| Currency::parse(code).unwrap();
        for (code, ours, theirs) in [
            ("EUR", 9950, Some(9950)),
            ("JPY", 8000, Some(8000)),
            ("ISK", 500, Some(50_000)),
            ("UGX", 500, Some(50_000)),
            ("MGA", 50_000, Some(500)),
            ("MGA", 50_020, None),
            ("KWD", 12_340, Some(12_340)),
            ("KWD", 12_345, None),
            ("CLF", 10_000, None),
        ] {
            assert_eq!(amount(currency(code), ours), theirs, "{ours} {code}");
            if let Some(theirs) = theirs {
                assert_eq!(minor(currency(code), theirs), Some(ours), "{theirs} {code}");
            }
        }
        assert_eq!(minor(currency("ISK"), 50_001), None, "a hundredth of a crown is nothing");
    }

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
