//! The request log as CloudWatch Logs hands it to a subscriber, summed up by route and status.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::error::{Error, Result, invalid_field};
use shared::value::Time;

use crate::request_count::{Count, LATENCY_BOUNDS_MS};

/// How much a delivery may unpack to, bytes. Lambda takes 6 MB of base64, and log lines shrink to about a tenth.
const UNPACKED_LIMIT: u64 = 64 * 1024 * 1024;

/// The longest texts that are kept, in characters: a route is ours, path and request id are the caller's.
const ROUTE_LENGTH: usize = 200;
const PATH_LENGTH: usize = 500;
const REQUEST_ID_LENGTH: usize = 128;

/// The request lines of one delivery, summed up.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// The same for a delivery that comes again.
    pub id: String,
    /// By method, route and status, each once.
    pub counts: Vec<Count>,
    /// The requests that ended with a status from 500 on.
    pub errors: Vec<Failure>,
    /// How many lines were requests.
    pub requests: usize,
    /// How many lines were none.
    pub ignored: usize,
}

/// A request that ended with a status from 500 on.
#[derive(Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The log event's id.
    pub id: String,
    /// When it ended.
    pub occurred_at: Time,
    /// Its `X-Request-ID`.
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    log_events: Vec<LogEvent>,
}

#[derive(Deserialize)]
struct LogEvent {
    id: String,
    message: String,
}

/// A line of `shared::log` about a request; jobs and everything else that a function prints lack some of it.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    function: String,
    request_id: String,
    method: String,
    route: String,
    path: String,
    status_code: i16,
    latency_ms: f64,
    db_ms: f64,
    ai_ms: f64,
    ai_calls: u32,
    cold_start: bool,
    is_slow: bool,
}

impl Batch {
    /// Unpacks `awslogs.data`, which is base64 of gzip of JSON, and sums its lines up; 400 if it is anything else.
    pub fn unpack(data: &str) -> Result<Batch> {
        let packed = STANDARD.decode(data).map_err(|_| unreadable("is not base64"))?;
        let mut text = Vec::new();
        let mut unpacking = GzDecoder::new(packed.as_slice()).take(UNPACKED_LIMIT + 1);
        unpacking.read_to_end(&mut text).map_err(|_| unreadable("is not gzip"))?;
        if text.len() as u64 > UNPACKED_LIMIT {
            return Err(unreadable("unpacks to more than 64 MB"));
        }
        let delivery: Delivery =
            serde_json::from_slice(&text).map_err(|_| unreadable("holds no log events"))?;
        Ok(Batch::of(&delivery.log_events))
    }

    fn of(events: &[LogEvent]) -> Batch {
        let mut digest = Sha256::new();
        let mut counts: BTreeMap<(String, String, i16), Count> = BTreeMap::new();
        let (mut errors, mut requests) = (Vec::new(), 0);
        for event in events {
            digest.update(&event.id);
            digest.update([0]);
            let Some((line, time)) = Line::read(&event.message) else { continue };
            requests += 1;
            if line.status_code >= 500 {
                errors.push(Failure::new(&event.id, &line, time));
            }
            let key = (line.method.clone(), line.route.clone(), line.status_code);
            counts.entry(key).or_insert_with(|| Count::none(&line, time)).add(&line, time);
        }
        Batch {
            id: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            counts: counts.into_values().collect(),
            errors,
            requests,
            ignored: events.len() - requests,
        }
    }
}

fn unreadable(what: &str) -> Error {
    invalid_field("/awslogs/data", "awslogs", format!("the delivery {what}"))
}

impl Line {
    /// The line if it is about a request, with its time; what would not fit into the tables is cut.
    fn read(message: &str) -> Option<(Line, Time)> {
        let mut line: Line =
            serde_json::from_str(message).ok().filter(|line: &Line| line.kind == "request")?;
        let durations = [line.latency_ms, line.db_ms, line.ai_ms];
        let is_sound = (100..600).contains(&line.status_code) && durations.iter().all(|ms| *ms >= 0.0);
        let time = line.timestamp.parse().map(Time).ok().filter(|_| is_sound)?;
        line.method = cut(&line.method, ROUTE_LENGTH);
        line.route = cut(&line.route, ROUTE_LENGTH);
        line.function = cut(&line.function, ROUTE_LENGTH);
        line.path = cut(&line.path, PATH_LENGTH);
        line.request_id = cut(&line.request_id, REQUEST_ID_LENGTH);
        Some((line, time))
    }
}

/// PostgreSQL's text holds no NUL.
fn cut(text: &str, length: usize) -> String {
    text.chars()
        .take(length)
        .map(|character| if character == '\0' { '\u{fffd}' } else { character })
        .collect()
}

impl Failure {
    fn new(id: &str, line: &Line, time: Time) -> Failure {
        Failure {
            id: id.to_owned(),
            occurred_at: time,
            request_id: line.request_id.clone(),
            method: line.method.clone(),
            path: line.path.clone(),
            route: line.route.clone(),
            status_code: line.status_code,
            latency_ms: line.latency_ms,
        }
    }
}

impl Count {
    fn none(line: &Line, time: Time) -> Count {
        Count {
            method: line.method.clone(),
            route: line.route.clone(),
            function: line.function.clone(),
            status_code: line.status_code,
            requests: 0,
            slow_requests: 0,
            cold_starts: 0,
            ai_calls: 0,
            latency_ms_sum: 0.0,
            latency_ms_max: 0.0,
            ai_ms_sum: 0.0,
            db_ms_sum: 0.0,
            latency_buckets: vec![0; LATENCY_BOUNDS_MS.len()],
            first_seen_at: time,
            last_seen_at: time,
        }
    }

    fn add(&mut self, line: &Line, time: Time) {
        self.requests += 1;
        self.slow_requests += i64::from(line.is_slow);
        self.cold_starts += i64::from(line.cold_start);
        self.ai_calls += i64::from(line.ai_calls);
        self.latency_ms_sum += line.latency_ms;
        self.latency_ms_max = self.latency_ms_max.max(line.latency_ms);
        self.ai_ms_sum += line.ai_ms;
        self.db_ms_sum += line.db_ms;
        if let Some(place) = LATENCY_BOUNDS_MS.iter().position(|bound| line.latency_ms <= *bound) {
            self.latency_buckets[place] += 1;
        }
        self.first_seen_at = self.first_seen_at.min(time);
        self.last_seen_at = self.last_seen_at.max(time);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::{Value, json};

    use super::*;

    fn line(route: &str, status: u16, latency_ms: f64, second: u8) -> String {
        json!({
            "type": "request", "timestamp": format!("2026-03-02T07:00:{second:02}.000Z"), "function": "f",
            "request_id": "r", "method": "GET", "route": route, "path": route, "status_code": status,
            "latency_ms": latency_ms, "db_ms": 1.0, "ai_ms": 2.0, "ai_calls": 1, "cold_start": status == 200,
            "is_slow": latency_ms >= 1200.0, "user_id": null, "_aws": {},
        })
        .to_string()
    }

    fn batch(messages: &[String]) -> Batch {
        let events = messages.iter().enumerate();
        Batch::of(
            &events
                .map(|(id, message)| LogEvent { id: id.to_string(), message: message.clone() })
                .collect::<Vec<_>>(),
        )
    }

    fn packed(content: &Value) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content.to_string().as_bytes()).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    #[test]
    fn lines_are_summed_by_route_and_status() {
        let found = batch(&[
            line("/b", 200, 5.0, 9),
            line("/a", 200, 5.1, 3),
            line("/a", 503, 60_000.0, 4),
            line("/a", 200, 2000.0, 1),
        ]);
        let keys: Vec<_> =
            found.counts.iter().map(|count| (count.route.as_str(), count.status_code)).collect();
        assert_eq!(keys, [("/a", 200), ("/a", 503), ("/b", 200)], "in the order of the key");
        let sum = &found.counts[0];
        assert_eq!((sum.requests, sum.slow_requests, sum.cold_starts, sum.ai_calls), (2, 1, 2, 2));
        assert_eq!(
            (sum.latency_ms_sum, sum.latency_ms_max, sum.db_ms_sum, sum.ai_ms_sum),
            (2005.1, 2000.0, 2.0, 4.0)
        );
        assert_eq!(sum.latency_buckets, [0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(sum.first_seen_at.0.to_string(), "2026-03-02T07:00:01Z");
        assert_eq!(sum.last_seen_at.0.to_string(), "2026-03-02T07:00:03Z");
        assert_eq!(found.counts[1].latency_buckets, [0; 12], "longer than every bound");
        assert_eq!(found.counts[2].latency_buckets[0], 1, "a bound belongs to its bucket");
        assert_eq!(found.errors.len(), 1);
        assert_eq!((found.errors[0].id.as_str(), found.errors[0].status_code), ("2", 503));
        assert_eq!((found.requests, found.ignored), (4, 0));
    }

    #[test]
    fn other_lines_and_broken_ones_are_ignored() {
        let job = line("/a", 200, 1.0, 1).replace("\"request\"", "\"job\"");
        let strange = [
            job,
            "REPORT RequestId: 1".to_owned(),
            "{\"type\":\"request\"}".to_owned(),
            line("/a", 99, 1.0, 1),
            line("/a", 200, -1.0, 1),
            line("/a", 200, 1.0, 1).replace("2026-03-02T", "yesterday "),
        ];
        let found = batch(&strange);
        assert_eq!((found.requests, found.ignored), (0, strange.len()));
        assert!(found.counts.is_empty());
    }

    #[test]
    fn texts_are_cut_and_hold_no_nul() {
        let found = batch(&[line(&"/\0".repeat(300), 500, 1.0, 1)]);
        assert_eq!(found.counts[0].route, "/\u{fffd}".repeat(100));
        assert_eq!(found.errors[0].path, "/\u{fffd}".repeat(250));
    }

    #[test]
    fn the_same_events_are_the_same_batch() {
        let one = batch(&[line("/a", 200, 1.0, 1)]);
        assert_eq!(one.id, batch(&["another text".to_owned()]).id);
        assert_ne!(one.id, batch(&[line("/a", 200, 1.0, 1), line("/a", 200, 1.0, 2)]).id);
        assert_eq!(one.id.len(), 64);
    }

    #[test]
    fn a_delivery_is_unpacked_and_anything_else_refused() {
        let event = json!({ "id": "1", "timestamp": 1, "message": line("/a", 200, 1.0, 1) });
        let delivery = json!({ "messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [event] });
        assert_eq!(Batch::unpack(&packed(&delivery)).unwrap().requests, 1);
        for data in ["%", "aGVsbG8=", &packed(&json!([])), &packed(&json!({ "logEvents": 1 }))] {
            assert_eq!(Batch::unpack(data).unwrap_err().code().as_str(), "VALIDATION_ERROR", "{data}");
        }
    }

    #[test]
    fn a_small_delivery_cannot_fill_the_memory() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let zeros = vec![b' '; 1024 * 1024];
        (0..65).for_each(|_| encoder.write_all(&zeros).unwrap());
        let data = STANDARD.encode(encoder.finish().unwrap());
        assert!(Batch::unpack(&data).unwrap_err().message().contains("64 MB"));
    }
}
