//! The event stream: one JSON line on standard output for each invocation, with CloudWatch's embedded metrics.
//!
//! Lines say who, from which network, what, how long and how it ended; never content, e-mail addresses, tokens or secrets.
//! Networks, and accounts that somebody tried in vain, stand there as [`trace`]'s hashes.
//! Embedded metric format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

pub mod trace;

use std::future::Future;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::{Value, json};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings;

/// What one invocation has used so far.
#[derive(Debug, Default)]
pub struct Stats {
    database_micros: AtomicU64,
    round_trips: AtomicU32,
    flight: Mutex<Flight>,
    model_micros: AtomicU64,
    model_calls: AtomicU32,
}

#[derive(Debug, Default)]
struct Flight {
    statements: u32,
    started: Option<Instant>,
}

impl Stats {
    /// Awaits a statement and counts its time; statements that are under way at once are one round trip.
    pub async fn database<T>(&self, statement: impl Future<Output = T>) -> T {
        let _landing = self.take_off();
        statement.await
    }

    /// Adds time spent on the database outside statements: connecting.
    pub fn add_database_time(&self, time: Duration) {
        self.database_micros.fetch_add(micros(time), Ordering::Relaxed);
    }

    /// Adds a call of a model.
    pub fn add_model_call(&self, time: Duration) {
        self.model_micros.fetch_add(micros(time), Ordering::Relaxed);
        self.model_calls.fetch_add(1, Ordering::Relaxed);
    }

    fn take_off(&self) -> Landing<'_> {
        if let Ok(mut flight) = self.flight.lock() {
            if flight.statements == 0 {
                flight.started = Some(Instant::now());
                self.round_trips.fetch_add(1, Ordering::Relaxed);
            }
            flight.statements += 1;
        }
        Landing(self)
    }
}

/// Ends a statement's flight, also when its future is dropped.
struct Landing<'a>(&'a Stats);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if let Ok(mut flight) = self.0.flight.lock() {
            flight.statements -= 1;
            if flight.statements == 0
                && let Some(started) = flight.started.take()
            {
                self.0.add_database_time(started.elapsed());
            }
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Milliseconds with two decimals.
pub fn milliseconds(time: Duration) -> f64 {
    rounded(micros(time))
}

fn rounded(micros: u64) -> f64 {
    (micros as f64 / 10.0).round() / 100.0
}

/// How an invocation ended.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// `X-Request-ID`, or Lambda's own id for a job.
    pub request_id: &'a str,
    /// Path template, or the job's name.
    pub route: &'a str,
    /// HTTP method; blank for a job.
    pub method: &'a str,
    /// The path as called; blank for a job.
    pub path: &'a str,
    /// HTTP status; for a job 200 or 500.
    pub status_code: u16,
    /// The contract's code of an error.
    pub error_code: Option<&'a str>,
    /// What the error hides from the caller.
    pub cause: Option<String>,
    /// `file:line` of the error.
    pub place: Option<String>,
    /// From decoding the event to the answer.
    pub latency: Duration,
    /// Who called.
    pub user_id: Option<uuid::Uuid>,
    /// From where: the hash of the network.
    pub network: Option<String>,
    /// Which rule refused the request, if a limit or a credential did.
    pub rule: Option<&'static str>,
    /// The hash of the account that it was about.
    pub account: Option<&'a str>,
    /// What a job reports, for example the number of people.
    pub result: Option<Value>,
}

/// Whether an invocation is an HTTP request or a job: the `type` of its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Through API Gateway; folded into the metrics tables.
    Request,
    /// By a schedule, a queue or hand.
    Job,
}

static IS_WARM: AtomicBool = AtomicBool::new(false);

/// Writes the line of one invocation.
pub fn write(kind: Kind, outcome: &Outcome<'_>, stats: &Stats) {
    let latency_ms = milliseconds(outcome.latency);
    let is_cold = !IS_WARM.swap(true, Ordering::Relaxed);
    let failed = outcome.status_code >= 500;
    let slow = settings::number("SLOW_REQUEST_MS", 1200, 1).unwrap_or(1200);
    let now = jiff::Timestamp::now();
    let mut line = json!({
        "type": kind,
        "timestamp": format!("{now:.3}"),
        "level": if failed { "ERROR" } else { "INFO" },
        "function": settings::function_name(),
        "stage": settings::stage(),
        "request_id": outcome.request_id,
        "route": outcome.route,
        "status_code": outcome.status_code,
        "error_code": outcome.error_code,
        "latency_ms": latency_ms,
        "db_ms": rounded(stats.database_micros.load(Ordering::Relaxed)),
        "db_round_trips": stats.round_trips.load(Ordering::Relaxed),
        "ai_ms": rounded(stats.model_micros.load(Ordering::Relaxed)),
        "ai_calls": stats.model_calls.load(Ordering::Relaxed),
        "cold_start": is_cold,
        "is_slow": latency_ms >= slow as f64,
        "user_id": outcome.user_id,
        "requests": 1,
        "errors": u8::from(failed),
        "cold_starts": u8::from(is_cold),
    });
    if let Some(members) = line.as_object_mut() {
        if kind == Kind::Request {
            members.insert("method".into(), outcome.method.into());
            members.insert("path".into(), outcome.path.into());
            members.insert("network".into(), outcome.network.as_deref().into());
            members.insert("rule".into(), outcome.rule.into());
            members.insert("account".into(), outcome.account.into());
        }
        if let Some(cause) = &outcome.cause {
            members.insert("cause".into(), cause.as_str().into());
            members.insert("place".into(), outcome.place.as_deref().into());
        }
        if let Some(result) = &outcome.result {
            members.insert("result".into(), result.clone());
        }
        members.insert("_aws".into(), embedded_metrics(kind, now.as_millisecond()));
    }
    print(&line);
}

/// One dimension set only, the stage: each set and metric is billed, and what each function does is in Lambda's own
/// metrics and in `/metrics`.
fn embedded_metrics(kind: Kind, timestamp: i64) -> Value {
    let namespace = match kind {
        Kind::Request => "Praxis",
        Kind::Job => "Praxis/Jobs",
    };
    json!({
        "Timestamp": timestamp,
        "CloudWatchMetrics": [{
            "Namespace": namespace,
            "Dimensions": [["stage"]],
            "Metrics": [
                { "Name": "requests", "Unit": "Count" },
                { "Name": "errors", "Unit": "Count" },
                { "Name": "cold_starts", "Unit": "Count" },
                { "Name": "latency_ms", "Unit": "Milliseconds" },
                { "Name": "db_ms", "Unit": "Milliseconds" },
                { "Name": "ai_ms", "Unit": "Milliseconds" },
            ],
        }],
    })
}

/// One line of JSON on standard output; a closed output is nobody's error.
fn print(line: &Value) {
    let mut text = line.to_string();
    text.push('\n');
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Sends `tracing` events to standard output as JSON, from `LOG_LEVEL` (default INFO; an unknown one is INFO) on, and
/// panics as their place alone: a panic's message can quote a person's words.
pub fn start() {
    let level = settings::find("LOG_LEVEL")
        .and_then(|name| match name.to_ascii_uppercase().as_str() {
            "WARNING" => Some(LevelFilter::WARN),
            "CRITICAL" => Some(LevelFilter::ERROR),
            name => name.parse().ok(),
        })
        .unwrap_or(LevelFilter::INFO);
    // At TRACE the runtime writes whole events: tokens, cookies, and what people wrote.
    let no_events =
        Targets::new().with_default(level).with_target("lambda_runtime", level.min(LevelFilter::DEBUG));
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(level)
        .with_writer(std::io::stdout)
        .finish()
        .with(no_events)
        .try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(place, "panic");
    }));
}

/// Says why the function cannot start.
pub fn cannot_start(reason: &str) {
    print(&json!({
        "type": "start",
        "timestamp": format!("{:.3}", jiff::Timestamp::now()),
        "level": "ERROR",
        "function": settings::function_name(),
        "message": reason,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_under_way_at_once_are_one_round_trip() {
        let stats = Stats::default();
        let first = stats.take_off();
        let second = stats.take_off();
        drop(first);
        drop(second);
        drop(stats.take_off());
        assert_eq!(stats.round_trips.load(Ordering::Relaxed), 2);
    }
}
