//! What was served so far: counters by route and status, and the newest server errors.
//!
//! They stand in PostgreSQL, so that every sandbox tells the same and a deployment forgets nothing. Only the job
//! `record-metrics` writes them.

mod recording;

use std::collections::BTreeMap;

use shared::error::internal;
use shared::prelude::*;
use shared::settings;

use crate::request_count::Count;
use recording::ERRORS_KEPT;
pub use recording::{prune, record};

/// The counters in one view for people.
#[row]
pub struct Snapshot {
    /// When the first request was counted; now if there was none.
    pub started_at: Time,
    /// How many requests were answered.
    pub total_requests: i64,
    /// How many by HTTP status.
    #[json]
    pub status_counts: BTreeMap<String, i64>,
    /// Mean latency, milliseconds.
    #[read(mean)]
    pub avg_latency_ms: f64,
    /// Longest latency, milliseconds.
    #[read(|row| row.get("latency_ms_max").map(two_decimals))]
    pub max_latency_ms: f64,
    /// How many took at least the threshold.
    pub slow_request_count: i64,
    /// How many ended with a status from 500 on.
    pub server_error_count: i64,
    /// From how many milliseconds on a request is slow.
    #[read(|_| settings::number("SLOW_REQUEST_MS", 1200, 1).map_err(internal))]
    pub slow_request_threshold_ms: u64,
    /// The ten most frequent routes.
    #[json]
    pub top_endpoints: Vec<EndpointCount>,
    /// The newest server errors, the newest first.
    #[json]
    pub recent_errors: Vec<ServerError>,
}

/// A route and how often it was called.
#[answer]
#[derive(Deserialize)]
pub struct EndpointCount {
    /// Method and path template, for example `GET /health`.
    pub endpoint: String,
    /// How often it was called.
    pub count: i64,
}

/// A request that ended with a status from 500 on.
#[answer]
#[derive(Deserialize)]
pub struct ServerError {
    /// When it ended.
    pub timestamp: Time,
    /// Its `X-Request-ID`, which finds its log line.
    pub request_id: String,
    /// HTTP method.
    pub method: String,
    /// The path as called.
    pub path: String,
    /// Path template.
    pub route: String,
    /// HTTP status.
    pub status_code: i16,
    /// Latency, milliseconds.
    pub latency_ms: f64,
}

/// Calls of a model that were for the same and ended alike.
#[derive(Debug, FromRow)]
pub struct ModelTotal {
    /// What they were for.
    pub feature: String,
    /// The model.
    pub model: String,
    /// `answered`, `failed` or `stopped`.
    pub outcome: String,
    /// How many.
    pub calls: i64,
    /// Tokens that were read.
    pub tokens_in: i64,
    /// Tokens that were written.
    pub tokens_out: i64,
    /// What they cost, in millionths of a dollar.
    pub cost_micros: i64,
    /// How long they took together.
    pub latency_ms: i64,
}

/// Every counter, by method, route and status.
pub async fn counts(tx: &Tx) -> Result<Vec<Count>> {
    tx.list(
        "select method, route, function, status_code, requests, slow_requests, cold_starts, ai_calls, latency_ms_sum,
                latency_ms_max, ai_ms_sum, db_ms_sum, latency_buckets, first_seen_at, last_seen_at
         from platform.request_counts
         order by method, route, status_code",
        &[],
    )
    .await
}

/// All calls of models, by what they were for, model and outcome.
pub async fn model_totals(tx: &Tx) -> Result<Vec<ModelTotal>> {
    tx.list(
        "select feature, model, outcome, sum(calls)::bigint as calls, sum(tokens_in)::bigint as tokens_in,
                sum(tokens_out)::bigint as tokens_out, sum(cost_micros)::bigint as cost_micros,
                sum(latency_ms)::bigint as latency_ms
         from platform.model_totals group by feature, model, outcome order by feature, model, outcome",
        &[],
    )
    .await
}

/// The counters in one view, from one statement and so of one moment.
pub async fn snapshot(tx: &Tx) -> Result<Snapshot> {
    let errors_shown = settings::number("OBSERVABILITY_RECENT_ERROR_LIMIT", 20, 1).map_err(internal)?;
    let errors_shown = i64::try_from(errors_shown).unwrap_or(ERRORS_KEPT).min(ERRORS_KEPT);
    tx.one(
        "with statuses as (
             select status_code, sum(requests)::bigint as requests from platform.request_counts group by status_code
         ), endpoints as (
             select method || ' ' || route as endpoint, sum(requests)::bigint as count,
                    min(first_seen_at) as first_seen_at
             from platform.request_counts
             group by endpoint
             order by count desc, first_seen_at, endpoint
             limit 10
         ), errors as (
             select occurred_at, id, request_id, method, path, route, status_code, latency_ms
             from platform.recent_errors
             order by occurred_at desc, id desc
             limit $1
         )
         select coalesce(min(first_seen_at), now()) as started_at,
                coalesce(sum(requests), 0)::bigint as total_requests,
                coalesce(sum(latency_ms_sum), 0) as latency_ms_sum,
                coalesce(max(latency_ms_max), 0) as latency_ms_max,
                coalesce(sum(slow_requests), 0)::bigint as slow_request_count,
                coalesce(sum(requests) filter (where status_code >= 500), 0)::bigint as server_error_count,
                (select coalesce(jsonb_object_agg(status_code, requests), '{}') from statuses) as status_counts,
                (select coalesce(jsonb_agg(jsonb_build_object('endpoint', endpoint, 'count', count)
                                           order by count desc, first_seen_at, endpoint), '[]')
                 from endpoints) as top_endpoints,
                (select coalesce(jsonb_agg(jsonb_build_object(
                            'timestamp', occurred_at, 'request_id', request_id, 'method', method, 'path', path,
                            'route', route, 'status_code', status_code, 'latency_ms', latency_ms)
                                           order by occurred_at desc, id desc), '[]')
                 from errors) as recent_errors
         from platform.request_counts",
        &[&errors_shown],
    )
    .await
}

/// The mean latency, of the sum over all and their number.
fn mean(row: &Row) -> Result<f64> {
    let requests: i64 = row.get("total_requests")?;
    Ok(two_decimals(row.get::<f64>("latency_ms_sum")? / requests.max(1) as f64))
}

fn two_decimals(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
