//! What becomes of payments, and the signed events that tell of it.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use super::{Stripe, account::Account};

/// Where a payment on a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be paid.
    Open,
    /// Somebody has paid by a slow method.
    OnItsWay,
    /// The money is there.
    Paid,
    /// The money of a slow method did not come.
    Failed,
    /// Nobody paid in time.
    Expired,
}

impl Stripe {
    /// Where a page's payment is; none for a page that is not there.
    pub fn state(&self, session: &str) -> Option<State> {
        let account = self.account();
        let session = account.sessions.get(session)?;
        let intent = session["payment_intent"].as_str().and_then(|id| account.intents.get(id));
        Some(match (session["status"].as_str()?, session["payment_status"].as_str()?) {
            ("open", _) => State::Open,
            ("expired", _) => State::Expired,
            (_, "paid") => State::Paid,
            _ if intent.is_some_and(|intent| intent["status"] == "requires_payment_method") => State::Failed,
            _ => State::OnItsWay,
        })
    }

    /// Somebody pays on a page: the money is there (`paid`) or on its way (`unpaid`). Gives the event that tells of it.
    pub fn pay(&self, session: &str, payment_status: &str) -> Value {
        let object = self.change_session(session, "complete", payment_status, "processing");
        event("checkout.session.completed", object)
    }

    /// What becomes of money that was on its way. Gives the event that tells of it.
    pub fn arrive(&self, session: &str, has_come: bool) -> Value {
        let status = if has_come { "paid" } else { "unpaid" };
        let object = self.change_session(session, "complete", status, "requires_payment_method");
        let kind = if has_come { "succeeded" } else { "failed" };
        event(&format!("checkout.session.async_payment_{kind}"), object)
    }

    /// A page ends. Gives the event that tells of it.
    pub fn expire(&self, session: &str) -> Value {
        let object = self.change_session(session, "expired", "unpaid", "canceled");
        event("checkout.session.expired", object)
    }

    /// Somebody gives money back on Stripe's own pages, and its metadata names nothing of ours. Gives Stripe's id of it.
    pub fn refund(&self, session: &str, amount: i64) -> String {
        let (intent, currency) = self.account().intent_of(session);
        let id = Account::id("re");
        let refund = json!({
            "id": id, "object": "refund", "amount": amount, "currency": currency, "payment_intent": intent,
            "status": "succeeded", "metadata": {},
        });
        self.account().refunds.insert(id.clone(), refund);
        id
    }

    /// The event that tells of a refund, which is in this state.
    pub fn refund_event(&self, kind: &str, refund: &str, status: &str) -> Value {
        let mut account = self.account();
        let refund = account.refunds.get_mut(refund).expect("a refund");
        refund["status"] = status.into();
        event(kind, refund.clone())
    }

    /// The event that tells how much of a payment went back in all.
    pub fn charge_refunded(&self, session: &str, refunded: i64) -> Value {
        self.account().charge_refunded(session, refunded)
    }

    /// The event that tells of a dispute about a payment, whose metadata names nothing of ours.
    pub fn dispute(&self, kind: &str, session: &str, amount: i64, status: &str) -> Value {
        let (intent, currency) = self.account().intent_of(session);
        let object = json!({
            "id": format!("dp_{intent}"), "object": "dispute", "amount": amount, "currency": currency, "payment_intent": intent,
            "charge": format!("ch_{intent}"), "status": status, "metadata": {},
        });
        event(&format!("charge.dispute.{kind}"), object)
    }

    /// An event with an id of its own.
    pub fn event(&self, kind: &str, object: Value) -> Value {
        event(kind, object)
    }

    /// The value of `Stripe-Signature` for a body, as of now.
    pub fn sign(&self, body: &str) -> String {
        sign(&self.secret, jiff::Timestamp::now().as_second(), body)
    }

    /// Changes a page; its payment is `succeeded` when it is paid, else `unpaid_intent`.
    fn change_session(&self, id: &str, status: &str, payment_status: &str, unpaid_intent: &str) -> Value {
        let mut account = self.account();
        if status == "complete" {
            let (intent, _) = account.intent_of(id);
            let intent = account.intents.get_mut(&intent).expect("a payment");
            intent["status"] = if payment_status == "paid" { "succeeded" } else { unpaid_intent }.into();
        }
        let session = account.sessions.get_mut(id).expect("a session");
        (session["status"], session["payment_status"]) = (status.into(), payment_status.into());
        let session = session.clone();
        account.keep();
        session
    }
}

impl Account {
    /// What Stripe tells of when a call has made this.
    pub(super) fn events_of(&mut self, done: &Value) -> Vec<Value> {
        match (done["object"].as_str(), done["status"].as_str()) {
            (Some("refund"), _) => {
                let intent = done["payment_intent"].clone();
                let of_it = |object: &&Value| object["payment_intent"] == intent;
                let refunded =
                    self.refunds.values().filter(of_it).filter_map(|refund| refund["amount"].as_i64()).sum();
                let session = self.sessions.values().find(of_it).and_then(|session| session["id"].as_str());
                let session = session.unwrap_or_default().to_owned();
                vec![event("refund.created", done.clone()), self.charge_refunded(&session, refunded)]
            }
            (Some("checkout.session"), Some("expired")) => {
                vec![event("checkout.session.expired", done.clone())]
            }
            _ => Vec::new(),
        }
    }

    /// Ends the pages on which nobody has paid in time; gives the events that tell of it.
    pub(super) fn end_overdue(&mut self) -> Vec<Value> {
        let now = jiff::Timestamp::now().as_second();
        let is_overdue = |session: &&mut Value| {
            session["status"] == "open" && session["expires_at"].as_i64().is_some_and(|ends| ends <= now)
        };
        let mut events = Vec::new();
        for session in self.sessions.values_mut().filter(is_overdue) {
            session["status"] = "expired".into();
            events.push(event("checkout.session.expired", session.clone()));
        }
        if !events.is_empty() {
            self.keep();
        }
        events
    }

    fn charge_refunded(&mut self, session: &str, refunded: i64) -> Value {
        let (intent, currency) = self.intent_of(session);
        let session = &self.sessions[session];
        let object = json!({
            "id": format!("ch_{intent}"), "object": "charge", "amount": session["amount_total"], "amount_refunded": refunded,
            "currency": currency, "payment_intent": intent, "refunded": session["amount_total"] == refunded,
            "metadata": session["metadata"],
        });
        event("charge.refunded", object)
    }

    /// The payment of a page and its currency. It exists from the moment on at which somebody pays; whoever asks for it has
    /// that in mind.
    fn intent_of(&mut self, session: &str) -> (String, String) {
        let object = self.sessions.get_mut(session).expect("a session");
        if object["payment_intent"].is_null() {
            let id = Self::id("pi");
            let intent = json!({ "id": id, "object": "payment_intent", "status": "processing", "metadata": object["metadata"] });
            object["payment_intent"] = id.clone().into();
            self.intents.insert(id, intent);
        }
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        (text("payment_intent"), text("currency"))
    }
}

fn event(kind: &str, object: Value) -> Value {
    json!({
        "id": Account::id("evt"), "object": "event", "type": kind, "livemode": false,
        "created": jiff::Timestamp::now().as_second(), "data": { "object": object },
    })
}

/// The value of `Stripe-Signature` for a body and a time.
pub fn sign(secret: &str, time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::http::Method;

    use super::*;

    fn page(account: &mut Account, ends_in: i64) -> Result<Value, super::super::account::Refusal> {
        let ends = (jiff::Timestamp::now().as_second() + ends_in).to_string();
        let form = [
            ("expires_at", ends.as_str()),
            ("line_items[0][price_data][unit_amount]", "8000"),
            ("line_items[0][quantity]", "1"),
        ];
        let form: BTreeMap<_, _> =
            form.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        account.act(&Method::POST, "/v1/checkout/sessions", &form)
    }

    #[test]
    fn a_page_ends_in_its_time_and_is_there_after_a_restart() {
        let file = std::env::temp_dir().join(format!("praxis-payments-{}.json", uuid::Uuid::new_v4()));
        let mut account = Account::kept_in(Some(file.clone()), "http://127.0.0.1:1/pay".to_owned()).unwrap();
        for seconds in [20 * 60, 25 * 60 * 60] {
            assert_eq!(page(&mut account, seconds).unwrap_err().1, "parameter_invalid_integer", "{seconds}");
        }
        let id = page(&mut account, 35 * 60).unwrap()["id"].as_str().unwrap().to_owned();
        assert!(account.end_overdue().is_empty());

        let mut account = Account::kept_in(Some(file.clone()), "http://127.0.0.1:2/pay".to_owned()).unwrap();
        let session = account.sessions.get_mut(&id).expect("the page");
        assert_eq!(session["url"], format!("http://127.0.0.1:2/pay/{id}"));
        session["expires_at"] = jiff::Timestamp::now().as_second().into();
        let told = account.end_overdue();
        assert_eq!((told.len(), &told[0]["type"]), (1, &json!("checkout.session.expired")));
        assert!(account.end_overdue().is_empty(), "told once");
        std::fs::remove_file(file).unwrap();
    }
}
