//! Telling of events, as Stripe does: signed, and again until they are heard.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use super::sign;

/// How long a page waits before it leads back: Stripe's own patience, so that who comes back is mostly known to have paid.
/// Source: docs.stripe.com/checkout/fulfillment.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often an event is told. Stripe goes on for three days; nobody waits so long for a laptop.
const TRIES: u32 = 8;

#[derive(Clone)]
pub(super) struct Teller {
    webhook: String,
    secret: String,
    http: reqwest::Client,
}

impl Teller {
    pub(super) fn new(webhook: String, secret: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        Self { webhook, secret, http: http.expect("a client for this machine") }
    }

    /// Tells of an event, and waits until it was heard or failed once.
    pub(super) async fn tell(&self, event: Value) {
        let (tried, first) = oneshot::channel();
        tokio::spawn(self.clone().deliver(event, Some(tried)));
        let _ = tokio::time::timeout(PATIENCE, first).await;
    }

    /// Tells of an event; nobody waits for it.
    pub(super) fn send(&self, event: Value) {
        tokio::spawn(self.clone().deliver(event, None));
    }

    async fn deliver(self, event: Value, mut tried: Option<oneshot::Sender<()>>) {
        let body = event.to_string();
        let mut why = String::new();
        for attempt in 0..TRIES {
            let signature = sign(&self.secret, jiff::Timestamp::now().as_second(), &body);
            let call = self.http.post(&self.webhook).header("content-type", "application/json");
            let answer = call.header("stripe-signature", signature).body(body.clone()).send().await;
            why = match answer {
                Ok(answer) if answer.status().is_success() => return,
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.to_string(),
            };
            if let Some(tried) = tried.take() {
                let _ = tried.send(());
            }
            tokio::time::sleep(Duration::from_secs(1 << attempt)).await;
        }
        eprintln!("the event {} was not heard: {why}", event["type"]);
    }
}
