//! Stripe, as far as Praxis calls it: form encoding, idempotency keys, pages to pay on, refunds, signed events. A test decides
//! what becomes of each payment, and when, how often and in which order it tells of it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_lc_rs::hmac;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde_json::{Value, json};

/// What Stripe does with one call, other than what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Answers 500 and does nothing.
    Outage,
    /// Does it, and answers 500: nobody learns of it.
    LostAnswer,
    /// Does it, and never answers.
    Silence,
    /// Does it after a while.
    Delay(Duration),
    /// Refuses.
    Refusal,
}

/// A call that came.
#[derive(Clone, Debug)]
pub struct StripeCall {
    /// Method and path.
    pub line: String,
    /// Its form.
    pub form: BTreeMap<String, String>,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    /// Its `Stripe-Version`.
    pub version: Option<String>,
}

/// The running server. It stops when dropped.
pub struct Stripe {
    address: String,
    secret: String,
    account: Arc<Mutex<Account>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Account {
    calls: Vec<StripeCall>,
    troubles: VecDeque<Trouble>,
    /// Answers by key, with the form that they are for.
    kept: BTreeMap<String, (BTreeMap<String, String>, Value)>,
    sessions: BTreeMap<String, Value>,
    intents: BTreeMap<String, Value>,
    refunds: BTreeMap<String, Value>,
    count: u32,
    /// Calls that were done and get no answer.
    silent: u32,
}

impl Account {
    fn id(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}_{:04}", self.count)
    }
}

impl Stripe {
    /// An account whose events are signed with `secret`.
    pub async fn start(secret: &str) -> Self {
        let account = Arc::<Mutex<Account>>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&account));
        let (address, task) = super::serve(router).await;
        Self { address, secret: secret.to_owned(), account, task }
    }

    /// The value for `STRIPE_API_URL`.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// Queues what the next calls meet.
    pub fn then(&self, troubles: impl IntoIterator<Item = Trouble>) -> &Self {
        self.account().troubles.extend(troubles);
        self
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<StripeCall> {
        self.account().calls.clone()
    }

    /// Waits until so many calls in all were done and get no answer ([`Trouble::Silence`]).
    ///
    /// # Panics
    /// When they do not come within 20 seconds.
    pub async fn wait_for_silence(&self, count: u32) {
        let done = async {
            while self.account().silent < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), done).await;
        in_time.unwrap_or_else(|_| panic!("{} of {count} calls were met by silence", self.account().silent));
    }

    /// The id of the page on which a payment of ours is paid.
    ///
    /// # Panics
    /// When there is none.
    pub fn session_of(&self, payment: &str) -> String {
        let account = self.account();
        let found = account.sessions.values().find(|session| session["client_reference_id"] == payment);
        found.and_then(|session| session["id"].as_str()).expect("a session of the payment").to_owned()
    }

    /// A page as it is now.
    pub fn session(&self, id: &str) -> Value {
        self.account().sessions[id].clone()
    }

    /// Somebody pays on a page: the money is there (`paid`) or on its way (`unpaid`). Gives the event that tells of it.
    pub fn pay(&self, session: &str, payment_status: &str) -> Value {
        let object = self.change_session(session, "complete", payment_status);
        self.event("checkout.session.completed", object)
    }

    /// What becomes of money that was on its way. Gives the event that tells of it.
    pub fn arrive(&self, session: &str, has_come: bool) -> Value {
        let status = if has_come { "paid" } else { "unpaid" };
        let object = self.change_session(session, "complete", status);
        let kind = if has_come { "succeeded" } else { "failed" };
        self.event(&format!("checkout.session.async_payment_{kind}"), object)
    }

    /// A page ends. Gives the event that tells of it.
    pub fn expire(&self, session: &str) -> Value {
        let object = self.change_session(session, "expired", "unpaid");
        self.event("checkout.session.expired", object)
    }

    /// Somebody gives money back on Stripe's own pages, and its metadata names nothing of ours. Gives Stripe's id of it.
    pub fn refund(&self, session: &str, amount: i64) -> String {
        let (intent, currency) = self.intent_of(session);
        let mut account = self.account();
        let id = account.id("re");
        let refund = json!({
            "id": id, "object": "refund", "amount": amount, "currency": currency, "payment_intent": intent,
            "status": "succeeded", "metadata": {},
        });
        account.refunds.insert(id.clone(), refund);
        id
    }

    /// The event that tells of a refund, which is in this state.
    pub fn refund_event(&self, kind: &str, refund: &str, status: &str) -> Value {
        let object = {
            let mut account = self.account();
            let refund = account.refunds.get_mut(refund).expect("a refund");
            refund["status"] = status.into();
            refund.clone()
        };
        self.event(kind, object)
    }

    /// The refunds so far.
    pub fn refunds(&self) -> Vec<Value> {
        self.account().refunds.values().cloned().collect()
    }

    /// The event that tells how much of a payment went back in all.
    pub fn charge_refunded(&self, session: &str, refunded: i64) -> Value {
        let (intent, currency) = self.intent_of(session);
        let session = self.session(session);
        let object = json!({
            "id": format!("ch_{intent}"), "object": "charge", "amount": session["amount_total"], "amount_refunded": refunded,
            "currency": currency, "payment_intent": intent, "refunded": session["amount_total"] == refunded,
            "metadata": session["metadata"],
        });
        self.event("charge.refunded", object)
    }

    /// The event that tells of a dispute about a payment, whose metadata names nothing of ours.
    pub fn dispute(&self, kind: &str, session: &str, amount: i64, status: &str) -> Value {
        let (intent, currency) = self.intent_of(session);
        let object = json!({
            "id": format!("dp_{intent}"), "object": "dispute", "amount": amount, "currency": currency, "payment_intent": intent,
            "charge": format!("ch_{intent}"), "status": status, "metadata": {},
        });
        self.event(&format!("charge.dispute.{kind}"), object)
    }

    /// An event with an id of its own.
    pub fn event(&self, kind: &str, object: Value) -> Value {
        let id = self.account().id("evt");
        json!({
            "id": id, "object": "event", "type": kind, "livemode": false, "created": jiff::Timestamp::now().as_second(),
            "data": { "object": object },
        })
    }

    /// The value of `Stripe-Signature` for a body, as of now.
    pub fn sign(&self, body: &str) -> String {
        sign(&self.secret, jiff::Timestamp::now().as_second(), body)
    }

    fn intent_of(&self, session: &str) -> (String, String) {
        let mut account = self.account();
        // A payment exists from the moment on at which somebody pays; whoever asks for it has that in mind.
        let mut object = account.sessions[session].clone();
        if object["payment_intent"].is_null() {
            let id = account.id("pi");
            let intent = json!({ "id": id, "object": "payment_intent", "metadata": object["metadata"] });
            account.intents.insert(id.clone(), intent);
            object["payment_intent"] = id.into();
            account.sessions.insert(session.to_owned(), object.clone());
        }
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        (text("payment_intent"), text("currency"))
    }

    fn change_session(&self, id: &str, status: &str, payment_status: &str) -> Value {
        if status == "complete" {
            self.intent_of(id);
        }
        let mut account = self.account();
        let session = account.sessions.get_mut(id).expect("a session");
        (session["status"], session["payment_status"]) = (status.into(), payment_status.into());
        session.clone()
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value of `Stripe-Signature` for a body and a time.
pub fn sign(secret: &str, time: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{time}.{body}").as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

async fn answer(
    State(account): State<Arc<Mutex<Account>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let form = form(&body);
    let key = header("idempotency-key");
    let trouble = {
        let mut account = account.lock().unwrap_or_else(PoisonError::into_inner);
        account.calls.push(StripeCall {
            line: format!("{method} {}", uri.path()),
            form: form.clone(),
            key: key.clone(),
            version: header("stripe-version"),
        });
        account.troubles.pop_front()
    };
    if !header("authorization").is_some_and(|value| value.starts_with("Bearer sk_test_")) {
        return error(StatusCode::UNAUTHORIZED, "api_key_invalid");
    }
    match trouble {
        Some(Trouble::Outage) => return error(StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
        Some(Trouble::Refusal) => return error(StatusCode::PAYMENT_REQUIRED, "refused"),
        Some(Trouble::Delay(time)) => tokio::time::sleep(time).await,
        Some(Trouble::LostAnswer | Trouble::Silence) | None => {}
    }
    let done = {
        let mut account = account.lock().unwrap_or_else(PoisonError::into_inner);
        match key.as_ref().and_then(|key| account.kept.get(key)) {
            Some((before, kept)) if *before == form => Ok(kept.clone()),
            Some(_) => Err((StatusCode::BAD_REQUEST, "idempotency_error")),
            None => {
                let done = act(&mut account, &method, uri.path(), &form);
                if let (Some(key), Ok(done)) = (key, &done) {
                    account.kept.insert(key, (form, done.clone()));
                }
                done
            }
        }
    };
    if trouble == Some(Trouble::Silence) {
        account.lock().unwrap_or_else(PoisonError::into_inner).silent += 1;
        // Until whoever asked goes away.
        return std::future::pending().await;
    }
    match (done, trouble) {
        (_, Some(Trouble::LostAnswer)) => error(StatusCode::INTERNAL_SERVER_ERROR, "api_error"),
        (Ok(done), _) => ([("content-type", "application/json")], done.to_string()).into_response(),
        (Err((status, code)), _) => error(status, code),
    }
}

fn act(
    account: &mut Account,
    method: &Method,
    path: &str,
    form: &BTreeMap<String, String>,
) -> Result<Value, (StatusCode, &'static str)> {
    let missing = (StatusCode::NOT_FOUND, "resource_missing");
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    let whole = |name: &str| {
        text(name).parse::<i64>().map_err(|_| (StatusCode::BAD_REQUEST, "parameter_invalid_integer"))
    };
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("POST", ["checkout", "sessions"]) => {
            let id = account.id("cs");
            let amount = whole("line_items[0][price_data][unit_amount]")? * whole("line_items[0][quantity]")?;
            let session = json!({
                "id": id, "object": "checkout.session", "mode": text("mode"), "livemode": false, "status": "open",
                "payment_status": "unpaid", "amount_total": amount, "currency": text("line_items[0][price_data][currency]"),
                "client_reference_id": text("client_reference_id"), "payment_intent": null,
                "metadata": { "payment_id": text("metadata[payment_id]") },
                "url": format!("https://checkout.stripe.example/{id}"), "success_url": text("success_url"),
            });
            account.sessions.insert(id, session.clone());
            Ok(session)
        }
        ("GET", ["checkout", "sessions", id]) => account.sessions.get(*id).cloned().ok_or(missing),
        ("POST", ["checkout", "sessions", id, "expire"]) => {
            let session = account.sessions.get_mut(*id).ok_or(missing)?;
            if session["status"] != "open" {
                return Err((StatusCode::BAD_REQUEST, "resource_not_open"));
            }
            session["status"] = "expired".into();
            Ok(session.clone())
        }
        ("GET", ["payment_intents", id]) => account.intents.get(*id).cloned().ok_or(missing),
        ("POST", ["refunds"]) => {
            let intent = text("payment_intent");
            let paid = account
                .sessions
                .values()
                .find(|session| session["payment_intent"] == intent.as_str())
                .ok_or(missing)?;
            let (most, currency) =
                (paid["amount_total"].as_i64().unwrap_or_default(), paid["currency"].clone());
            let back: i64 = account
                .refunds
                .values()
                .filter(|refund| refund["payment_intent"] == intent.as_str() && refund["status"] != "failed")
                .filter_map(|refund| refund["amount"].as_i64())
                .sum();
            let amount = whole("amount")?;
            if back + amount > most {
                return Err((StatusCode::BAD_REQUEST, "charge_already_refunded"));
            }
            let id = account.id("re");
            let refund = json!({
                "id": id, "object": "refund", "amount": amount, "currency": currency, "payment_intent": intent,
                "status": "succeeded",
                "metadata": { "payment_id": text("metadata[payment_id]"), "refund_id": text("metadata[refund_id]") },
            });
            account.refunds.insert(id, refund.clone());
            Ok(refund)
        }
        _ => Err(missing),
    }
}

fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let url = reqwest::Url::parse(&format!("http://form/?{text}")).expect("an address");
    url.query_pairs().into_owned().collect()
}

fn error(status: StatusCode, code: &str) -> Response {
    let body = json!({ "error": { "code": code, "type": "invalid_request_error", "message": "scripted" } });
    (status, [("content-type", "application/json")], body.to_string()).into_response()
}
