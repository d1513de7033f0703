//! What calls of models cost, and who may make how many: each call is admitted before it is made, and settled afterwards, in the
//! transactions that are there anyway.
//!
//! Admitting puts the estimate aside, so that calls at the same time never spend more than the day's budget together by what is
//! expected of them, and asks the provider's breaker. Settling puts what the call did cost in the place of the estimate, and tells the breaker. A call
//! whose function died stays on record with its estimate: the provider may have worked, and wants its money.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Chat, Message, ModelError, ModelErrorKind, Usage};
use crate::database::{FromRow, Tx};
use crate::error::Result;
use crate::jobs::Failure;
use crate::settings::{self, SettingError};

/// Dollars for a million tokens in and out, where the settings say nothing of a model: those of a large model of today, so that
/// what is not known is rather counted as too dear.
const USUAL_PRICE: [f64; 2] = [1.0, 4.0];
/// What a person may spend in a day, in dollars.
const USUAL_BUDGET: f64 = 1.0;

/// Prices and the daily budget.
#[derive(Debug, Clone)]
pub(super) struct Tariff {
    prices: BTreeMap<String, [f64; 2]>,
    daily_micros: i64,
}

impl Tariff {
    /// - `LLM_PRICES`: a JSON object with dollars for a million tokens in and out by model, `*` for all others:
    ///   `{"gpt-5-mini": [0.25, 2], "*": [1, 4]}`.
    /// - `LLM_DAILY_BUDGET_USD`: what one person may spend in a day of theirs; default 1, 0 is nothing.
    pub(super) fn from_settings(get: &dyn Fn(&str) -> Option<String>) -> Result<Tariff, String> {
        let text = |name: &str| get(name).filter(|text| !text.trim().is_empty());
        let prices = match text("LLM_PRICES") {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_str::<BTreeMap<String, [f64; 2]>>(&text)
                .ok()
                .filter(|prices| {
                    prices.values().flatten().all(|price| price.is_finite() && (0.0..=10_000.0).contains(price))
                })
                .ok_or("LLM_PRICES must be a JSON object like {\"model\": [0.25, 2]}, in dollars for a million tokens")?,
        };
        let budget = match text("LLM_DAILY_BUDGET_USD") {
            None => USUAL_BUDGET,
            Some(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|budget| (0.0..=100_000.0).contains(budget))
                .ok_or("LLM_DAILY_BUDGET_USD must be a number of dollars from 0 to 100000")?,
        };
        Ok(Tariff { prices, daily_micros: (budget * 1e6) as i64 })
    }

    /// A dollar for a million tokens is a millionth for one. Rounded up: nothing is free that has a price.
    pub(super) fn cost(&self, model: &str, tokens_in: i64, tokens_out: i64) -> i64 {
        let price = self.prices.get(model).or_else(|| self.prices.get("*")).unwrap_or(&USUAL_PRICE);
        (price[0] * tokens_in as f64 + price[1] * tokens_out as f64).ceil() as i64
    }
}

/// What a person may spend in a day, in millionths of a dollar.
pub fn daily_budget_micros() -> Result<i64, SettingError> {
    Tariff::from_settings(&settings::find).map(|tariff| tariff.daily_micros)
}

/// What is asked for.
pub(super) struct Asking<'a> {
    pub(super) user_id: Uuid,
    pub(super) feature: &'static str,
    pub(super) provider: &'a str,
    pub(super) model: &'a str,
    pub(super) request_id: &'a str,
    /// Bytes of the prompt: about four are a token.
    pub(super) bytes: usize,
    pub(super) max_tokens: u32,
    /// How long the call may take.
    pub(super) time: Duration,
}

impl Asking<'_> {
    pub(super) fn bytes_of(chat: &Chat) -> usize {
        let calls = |message: &Message| -> usize {
            message.tool_calls.iter().map(|call| call.name.len() + call.arguments.len()).sum()
        };
        let messages: usize =
            chat.messages.iter().map(|message| message.content.len() + calls(message)).sum();
        let tools: usize =
            chat.tools.iter().map(|tool| tool.description.len() + tool.parameters.to_string().len()).sum();
        messages + tools
    }
}

/// The right to one call of a model, or why there is none.
#[derive(Debug)]
pub struct Permit(pub(super) Verdict);

#[derive(Debug)]
pub(super) enum Verdict {
    Granted(Granted),
    Refused(Refusal),
    /// There is no model to ask.
    Nobody,
}

/// A call that is put down.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) id: Uuid,
    pub(super) reserved: i64,
    pub(super) model: String,
    /// Whether there is less time for it than the settings give.
    pub(super) is_short: bool,
}

/// Why a model is not asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Refusal {
    /// Its provider is failing; asked again after so many seconds.
    BreakerOpen(f64),
    /// The person's budget of the day is spent; the next day begins in so many seconds.
    BudgetSpent(f64),
}

impl Permit {
    /// Why there is no call, if somebody refused it.
    pub fn refusal(&self) -> Option<Refusal> {
        match self.0 {
            Verdict::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The call as it is settled when nobody waits for its answer any more: keep it where the work may be given up.
    pub fn unheard(&self) -> Option<Called> {
        match &self.0 {
            Verdict::Granted(granted) => Some(Called::unheard(granted)),
            _ => None,
        }
    }

    /// For a job, which does without the model only where there is none: it waits for the provider, without using an attempt,
    /// and ends at once when the budget is spent.
    pub fn or_later(self) -> Result<Permit, Failure> {
        match self.refusal() {
            None => Ok(self),
            Some(Refusal::BreakerOpen(seconds)) => {
                // Those who wait together do not come back together.
                let jitter = f64::from(Uuid::new_v4().as_u128() as u32) / f64::from(u32::MAX);
                Err(Failure::Later(seconds * (1.0 + jitter / 2.0), "breaker_open"))
            }
            Some(Refusal::BudgetSpent(seconds)) => {
                let until = Timestamp::now().saturating_add(Duration::from_secs_f64(seconds.max(0.0)));
                let until =
                    until.map(|until| until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
                Err(Failure::Refused(
                    "budget_spent",
                    format!("the day's budget for models is spent until {until}"),
                ))
            }
        }
    }
}

/// A call that was made, to be settled.
#[derive(Debug, Clone)]
pub struct Called(Box<Call>);

#[derive(Debug, Clone)]
struct Call {
    id: Uuid,
    outcome: &'static str,
    error: Option<String>,
    usage: Usage,
    cost: i64,
    /// Whether the provider was at fault; none where nothing is known of that.
    is_fault: Option<bool>,
}

impl Called {
    pub(super) fn answered(granted: &Granted, tariff: &Tariff, usage: &Usage) -> Called {
        Called::new(granted, tariff, "answered", usage)
    }

    /// Nobody waits for the answer any more, and nothing is known of it: it is spent.
    pub(super) fn unheard(granted: &Granted) -> Called {
        let usage = Usage {
            model: granted.model.clone(),
            latency: Duration::ZERO,
            tokens_in: None,
            tokens_out: None,
            attempts: 1,
        };
        let (id, outcome, cost) = (granted.id, "stopped", granted.reserved);
        Called(Box::new(Call { id, outcome, error: None, usage, cost, is_fault: None }))
    }

    /// There was no time to ask.
    pub(super) fn unasked(granted: &Granted) -> Called {
        let mut called = Called::unheard(granted);
        (called.0.outcome, called.0.error) = ("failed", Some("no time".to_owned()));
        (called.0.cost, called.0.usage.attempts) = (0, 0);
        called
    }

    /// The reader had enough; what the provider wants for it is not known.
    pub(super) fn stopped(granted: &Granted, tariff: &Tariff, usage: &Usage) -> Called {
        Called::new(granted, tariff, "stopped", usage)
    }

    fn new(granted: &Granted, tariff: &Tariff, outcome: &'static str, usage: &Usage) -> Called {
        let cost = match (usage.tokens_in, usage.tokens_out) {
            (None, None) => granted.reserved,
            (tokens_in, tokens_out) => tariff.cost(
                &usage.model,
                tokens_in.unwrap_or_default().into(),
                tokens_out.unwrap_or_default().into(),
            ),
        };
        let (id, usage, is_fault) = (granted.id, usage.clone(), Some(false));
        Called(Box::new(Call { id, outcome, error: None, usage, cost, is_fault }))
    }

    /// A provider that answered with an error wants nothing; one that began and was not heard to the end may.
    pub(super) fn failed(granted: &Granted, tariff: &Tariff, error: &ModelError) -> Called {
        let mut called = Called::new(granted, tariff, "failed", error.usage());
        if error.is_free() {
            called.0.cost = 0;
        }
        called.0.error = Some(error.kind().to_string());
        // A timeout that is ours says nothing about the provider.
        let is_ours = granted.is_short && error.kind() == ModelErrorKind::Timeout;
        called.0.is_fault = (!is_ours).then(|| error.is_providers_fault());
        called
    }
}

/// Asks whether a call may be made, and puts its cost aside. Pipeline it with what reserves the work.
pub(super) async fn admit(tx: &Tx, tariff: &Tariff, asking: &Asking<'_>) -> Result<Permit> {
    #[derive(FromRow)]
    struct Row {
        verdict: String,
        wait: f64,
    }
    let tokens_in = i64::try_from(asking.bytes / 4 + 1).unwrap_or(i64::MAX);
    let reserved = tariff.cost(asking.model, tokens_in, asking.max_tokens.into());
    let granted = Granted { id: Uuid::now_v7(), reserved, model: asking.model.to_owned(), is_short: false };
    // A call that is let through to see whether the provider is back, and is not heard of, says that it is not.
    let probe_seconds = (asking.time + Duration::from_secs(5)).as_secs_f64();
    let Row { verdict, wait } = tx
        .one(
            "select verdict, wait from platform.admit_call($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                &asking.user_id,
                &granted.id,
                &asking.feature,
                &asking.provider,
                &asking.model,
                &asking.request_id,
                &granted.reserved,
                &tariff.daily_micros,
                &probe_seconds,
            ],
        )
        .await?;
    Ok(Permit(match verdict.as_str() {
        "pass" => Verdict::Granted(granted),
        "breaker_open" => Verdict::Refused(Refusal::BreakerOpen(wait)),
        _ => Verdict::Refused(Refusal::BudgetSpent(wait)),
    }))
}

/// Settles a call, if there was one. Pipeline it with what stores its answer. One that is never settled counts with its estimate.
pub async fn settle(tx: &Tx, called: Option<&Called>) -> Result<()> {
    let Some(Called(called)) = called else { return Ok(()) };
    let milliseconds = i32::try_from(called.usage.latency.as_millis()).unwrap_or(i32::MAX);
    let attempts = i16::try_from(called.usage.attempts).unwrap_or(i16::MAX);
    tx.execute(
        "select platform.settle_call($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        &[
            &called.id,
            &called.outcome,
            &called.error,
            &milliseconds,
            &attempts,
            &called.usage.tokens_in.map(|tokens| tokens.max(0)),
            &called.usage.tokens_out.map(|tokens| tokens.max(0)),
            &called.cost,
            &called.is_fault,
        ],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tariff(prices: &str, budget: &str) -> Result<Tariff, String> {
        Tariff::from_settings(&|name| {
            let value = if name == "LLM_PRICES" { prices } else { budget };
            Some(value.to_owned())
        })
    }

    #[test]
    fn a_cost_is_the_price_of_its_tokens_rounded_up() {
        let tariff = tariff(r#"{"small": [0.25, 2], "*": [10, 30]}"#, "2.5").unwrap();
        assert_eq!(tariff.daily_micros, 2_500_000);
        assert_eq!(tariff.cost("small", 1000, 100), 450);
        assert_eq!(tariff.cost("small", 1, 0), 1);
        assert_eq!(tariff.cost("other", 1000, 100), 13_000);
        let usual = Tariff::from_settings(&|_| None).unwrap();
        assert_eq!((usual.cost("other", 1000, 100), usual.daily_micros), (1400, 1_000_000));
    }

    #[test]
    fn a_bad_setting_is_named() {
        for (prices, budget) in [
            ("[]", ""),
            ("{\"a\": [1]}", ""),
            ("{\"a\": [-1, 1]}", ""),
            ("", "-1"),
            ("", "much"),
            ("", "inf"),
        ] {
            let message = tariff(prices, budget).expect_err(prices);
            assert!(
                message.contains(if budget.is_empty() { "LLM_PRICES" } else { "LLM_DAILY_BUDGET_USD" }),
                "{message}"
            );
        }
    }
}
