//! How many requests of a route ended with a status, and what they took. The log is summed up into it, the database adds
//! it up, and `/metrics` shows it.

use shared::prelude::*;

/// Upper bounds of the latency histogram, milliseconds; what took longer is in no bucket. The database keeps one
/// number for each, so a new bound goes to the end of the list or comes with a migration.
pub const LATENCY_BOUNDS_MS: [f64; 12] =
    [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 30_000.0];

/// The requests of one route that ended with one status.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct Count {
    /// HTTP method.
    pub method: String,
    /// Path template.
    pub route: String,
    /// The function behind the route.
    pub function: String,
    /// HTTP status.
    pub status_code: i16,
    /// How many.
    pub requests: i64,
    /// How many of them were slow by the setting of their time.
    pub slow_requests: i64,
    /// How many of them started a sandbox.
    pub cold_starts: i64,
    /// How often they called the model.
    pub ai_calls: i64,
    /// Their latencies in sum, milliseconds.
    pub latency_ms_sum: f64,
    /// The longest latency, milliseconds.
    pub latency_ms_max: f64,
    /// Their time in the model in sum, milliseconds.
    pub ai_ms_sum: f64,
    /// Their time in the database in sum, milliseconds.
    pub db_ms_sum: f64,
    /// By place in [`LATENCY_BOUNDS_MS`], not cumulative.
    pub latency_buckets: Vec<i64>,
    /// The first one's end.
    pub first_seen_at: Time,
    /// The last one's end.
    pub last_seen_at: Time,
}
