//! Sign-in with Google and Clever: the test kit's provider stands for both, and whoever comes is signed in there. And what
//! Stripe signs at the moment.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context, Result};
use reqwest::{Url, header};
use serde_json::{Value, json};

use super::request::{Request, sample_event};
use crate::testkit::fakes::{OidcProvider, sign};

/// Where the provider sends browsers back to, whichever way a function is called.
const API_URL: &str = "http://localhost:3000";
/// What Stripe signs with.
const WEBHOOK_SECRET: &str = "whsec_bench";

/// The running provider. It stops when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Provider(Arc<OidcProvider>);

impl Provider {
    /// Starts it.
    pub(super) async fn start() -> Self {
        Self(Arc::new(OidcProvider::start().await))
    }

    /// What the functions know of it.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        let mut settings = BTreeMap::from([
            ("API_URL".to_owned(), API_URL.to_owned()),
            ("STRIPE_WEBHOOK_SECRET".to_owned(), WEBHOOK_SECRET.to_owned()),
        ]);
        for name in ["GOOGLE", "CLEVER"] {
            settings.insert(format!("{name}_CLIENT_ID"), self.0.client_id().to_owned());
            settings.insert(format!("{name}_CLIENT_SECRET"), self.0.client_secret().to_owned());
            settings.insert(format!("{name}_ISSUER"), self.0.issuer().to_owned());
        }
        settings
    }

    /// The sample event of a function. One that finishes a sign-in gets the state, the code and the cookie of one that
    /// is started for it through the gateway at `base`; each works once.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) async fn event(&self, client: &reqwest::Client, base: &str, function: &str) -> Result<String> {
        let event = sample_event(function)?;
        if function == "receive-stripe-event" {
            return signed(&event);
        }
        let Some(sign_in) = function.strip_prefix("finish-") else { return Ok(event) };
        let start = Request::of(&sample_event(&format!("start-{sign_in}"))?)?;
        let started = start.send(client, base).await?;
        let text = |name| started.headers.get(name).and_then(|value| value.to_str().ok());
        let (address, cookie) = text(header::LOCATION).zip(text(header::SET_COOKIE)).with_context(|| {
            format!("start-{sign_in} answers {} without an address or a cookie", started.status)
        })?;
        let email = format!("{sign_in}@example.org");
        self.0.sign_in(json!({"sub": sign_in, "email": email, "email_verified": true, "name": "Sample"}));
        let back = Url::parse(&self.0.visit(address).await)?;

        let mut event: Value = serde_json::from_str(&event)?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        event["headers"]["Cookie"] = json!(cookie);
        event["multiValueHeaders"]["Cookie"] = json!([cookie]);
        for (name, value) in back.query_pairs() {
            event["queryStringParameters"][name.as_ref()] = json!(value);
            event["multiValueQueryStringParameters"][name.as_ref()] = json!([value]);
        }
        Ok(event.to_string())
    }
}

/// The event with Stripe's signature of its body, which is good for some minutes.
fn signed(event: &str) -> Result<String> {
    let mut event: Value = serde_json::from_str(event)?;
    let body = event["body"].as_str().context("an event without a body")?;
    let signature = sign(WEBHOOK_SECRET, jiff::Timestamp::now().as_second(), body);
    event["headers"]["Stripe-Signature"] = json!(signature);
    event["multiValueHeaders"]["Stripe-Signature"] = json!([signature]);
    Ok(event.to_string())
}
