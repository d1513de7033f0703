//! Log lines as a subscription delivers them.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

/// A line about a request, ended at second `second` of an hour.
pub(crate) fn request(method: &str, route: &str, status: u16, latency_ms: f64, second: u32) -> Value {
    json!({
        "type": "request",
        "timestamp": format!("2026-03-02T07:{:02}:{:02}.120Z", second / 60, second % 60),
        "level": "INFO", "function": "some-function", "stage": "test", "request_id": format!("r-{second}"),
        "route": route, "method": method, "path": format!("{route}?x"), "status_code": status, "error_code": null,
        "latency_ms": latency_ms, "db_ms": 4.0, "db_round_trips": 2, "ai_ms": 10.0, "ai_calls": 1,
        "cold_start": second == 0, "is_slow": latency_ms >= 1200.0, "user_id": null,
    })
}

/// The event with these lines, whose ids begin with `batch`.
pub(crate) fn delivery(batch: &str, lines: &[Value]) -> Value {
    let events: Vec<Value> = lines
        .iter()
        .enumerate()
        .map(|(place, line)| json!({ "id": format!("{batch}-{place}"), "timestamp": 1, "message": line.to_string() }))
        .collect();
    let content = json!({
        "messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "praxis", "logStream": "s",
        "subscriptionFilters": ["f"], "logEvents": events,
    });
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content.to_string().as_bytes()).unwrap();
    json!({ "awslogs": { "data": STANDARD.encode(encoder.finish().unwrap()) } })
}
