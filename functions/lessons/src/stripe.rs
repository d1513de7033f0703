//! Stripe: five calls, and what its events say of our payments. A thin client, because five calls need no library.
//!
//! Stripe writes amounts in units of its own, which mostly are ISO 4217's; where they are not, this module knows.

mod signature;
mod told;
mod units;

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, Url};
use serde_json::Value;
use shared::describe::Operation;
use shared::error::{Code, Error, upstream_unavailable};
use shared::http_client;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::secrets;
use shared::settings::{self, SettingError};

use crate::money::Currency;

pub use signature::Signed;
pub use told::Told;
pub use units::amount;

/// The version of the API that requests and answers are of.
const VERSION: &str = "2026-10-28.endive";
/// How long one attempt of a call may take.
const PATIENCE: Duration = Duration::from_secs(8);
/// The largest answer that is read.
const LIMIT: usize = 1 << 20;

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
