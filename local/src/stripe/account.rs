//! What the account holds, and what the calls do to it.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    path::PathBuf,
};

use anyhow::{Context as _, Result};
use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{StripeCall, Trouble};

/// The account.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Account {
    /// Answers by key, with the form that they are for.
    pub(super) kept: BTreeMap<String, (Form, Value)>,
    pub(super) sessions: BTreeMap<String, Value>,
    pub(super) intents: BTreeMap<String, Value>,
    pub(super) refunds: BTreeMap<String, Value>,
    #[serde(skip)]
    pub(super) calls: Vec<StripeCall>,
    #[serde(skip)]
    pub(super) troubles: VecDeque<Trouble>,
    /// Calls that were done and get no answer.
    #[serde(skip)]
    pub(super) silent: u32,
    /// The address that those of its pages begin with.
    #[serde(skip)]
    pages: String,
    #[serde(skip)]
    file: Option<PathBuf>,
}

pub(super) type Form = BTreeMap<String, String>;

/// What a call is refused with.
pub(super) type Refusal = (StatusCode, &'static str);

/// How long somebody may pay on a page, in seconds. Source: docs.stripe.com/api/checkout/sessions/create, `expires_at`.
const SHORTEST: i64 = 30 * 60;
const LONGEST: i64 = 24 * 60 * 60;

const MISSING: Refusal = (StatusCode::NOT_FOUND, "resource_missing");

impl Account {
    pub(super) fn new(pages: String) -> Self {
        Self { pages, ..Self::default() }
    }

    /// The account that a file keeps; a new one if there is no file.
    pub(super) fn kept_in(file: Option<PathBuf>, pages: String) -> Result<Self> {
        let text = file.as_ref().filter(|path| path.is_file()).map(fs::read_to_string).transpose()?;
        let mut account: Self = match &text {
            Some(text) => serde_json::from_str(text).context("the file of payments holds something else")?,
            None => Self::default(),
        };
        // The port may be another one today.
        for (id, session) in &mut account.sessions {
            session["url"] = format!("{pages}/{id}").into();
        }
        (account.pages, account.file) = (pages, file);
        Ok(account)
    }

    /// Writes the account to its file, if it has one. What cannot be written is lost at the end, and nothing else is.
    pub(super) fn keep(&self) {
        let Some(file) = &self.file else { return };
        let beside = file.with_extension("new");
        let text = serde_json::to_vec(self).unwrap_or_default();
        if let Err(error) = fs::write(&beside, text).and_then(|()| fs::rename(&beside, file)) {
            eprintln!("cannot write {}: {error}", file.display());
        }
    }

    /// An id that nothing has had before, in any account: whoever keeps ids would take it for something that it knows. Those
    /// of one kind are in order.
    pub(super) fn id(kind: &str) -> String {
        format!("{kind}_{}", uuid::Uuid::now_v7().simple())
    }

    /// Does what a call asks for.
    pub(super) fn act(&mut self, method: &Method, path: &str, form: &Form) -> Result<Value, Refusal> {
        let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
        let done = match (method.as_str(), parts.as_slice()) {
            ("POST", ["checkout", "sessions"]) => self.create_session(form)?,
            ("GET", ["checkout", "sessions", id]) => return self.sessions.get(*id).cloned().ok_or(MISSING),
            ("POST", ["checkout", "sessions", id, "expire"]) => {
                let session = self.sessions.get_mut(*id).ok_or(MISSING)?;
                if session["status"] != "open" {
                    return Err((StatusCode::BAD_REQUEST, "resource_not_open"));
                }
                session["status"] = "expired".into();
                session.clone()
            }
            ("GET", ["payment_intents", id]) => return self.intents.get(*id).cloned().ok_or(MISSING),
            ("POST", ["refunds"]) => self.create_refund(form)?,
            _ => return Err(MISSING),
        };
        self.keep();
        Ok(done)
    }

    fn create_session(&mut self, form: &Form) -> Result<Value, Refusal> {
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let id = Self::id("cs");
        let now = jiff::Timestamp::now().as_second();
        let ends = if form.contains_key("expires_at") { whole(form, "expires_at")? } else { now + LONGEST };
        if !(now + SHORTEST..=now + LONGEST).contains(&ends) {
            return Err((StatusCode::BAD_REQUEST, "parameter_invalid_integer"));
        }
        let price = whole(form, "line_items[0][price_data][unit_amount]")?;
        let session = json!({
            "id": id, "object": "checkout.session", "mode": text("mode"), "livemode": false, "status": "open", "expires_at": ends,
            "payment_status": "unpaid", "amount_total": price * whole(form, "line_items[0][quantity]")?,
            "currency": text("line_items[0][price_data][currency]"),
            "client_reference_id": text("client_reference_id"), "payment_intent": null,
            "metadata": { "payment_id": text("metadata[payment_id]") },
            "url": format!("{}/{id}", self.pages), "success_url": text("success_url"), "cancel_url": text("cancel_url"),
            // Stripe tells of what was bought only when it is asked to; its page shows it.
            "line_items": { "data": [{ "description": text("line_items[0][price_data][product_data][name]") }] },
        });
        self.sessions.insert(id, session.clone());
        Ok(session)
    }

    fn create_refund(&mut self, form: &Form) -> Result<Value, Refusal> {
        let text = |name: &str| form.get(name).cloned().unwrap_or_default();
        let intent = text("payment_intent");
        let of_it = |object: &&Value| object["payment_intent"] == intent.as_str();
        let paid = self.sessions.values().find(of_it).ok_or(MISSING)?;
        let (most, currency) = (paid["amount_total"].as_i64().unwrap_or_default(), paid["currency"].clone());
        let standing = self.refunds.values().filter(of_it).filter(|refund| refund["status"] != "failed");
        let back: i64 = standing.filter_map(|refund| refund["amount"].as_i64()).sum();
        let amount = whole(form, "amount")?;
        if back + amount > most {
            return Err((StatusCode::BAD_REQUEST, "charge_already_refunded"));
        }
        let id = Self::id("re");
        let refund = json!({
            "id": id, "object": "refund", "amount": amount, "currency": currency, "payment_intent": intent,
            "status": "succeeded",
            "metadata": { "payment_id": text("metadata[payment_id]"), "refund_id": text("metadata[refund_id]") },
        });
        self.refunds.insert(id, refund.clone());
        Ok(refund)
    }
}

fn whole(form: &Form, name: &str) -> Result<i64, Refusal> {
    let text = form.get(name).map(String::as_str).unwrap_or_default();
    text.parse().map_err(|_| (StatusCode::BAD_REQUEST, "parameter_invalid_integer"))
}
