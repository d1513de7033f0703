//! What Stripe tells of a payment, in our words.

use jiff::Timestamp;
use serde_json::{Value, json};
use shared::prelude::*;

use super::livemode;
use super::units::minor;
use crate::money::Currency;

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
