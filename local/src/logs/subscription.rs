//! A CloudWatch Logs subscription: which function has it, and the event that it gets
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#LambdaFunctionExample>).

use std::io::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    lambda::{LogLine, LogSource},
    template::{Event, Template},
};

/// A line that the subscription is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Unique, as the receiver uses it to count each line once.
    pub id: String,
    /// When it was written, milliseconds since 1970.
    pub timestamp: i64,
    /// The line.
    pub message: String,
}

impl Record {
    /// The record of a line that a function wrote about a request; `None` for every other line. This is the
    /// template's filter pattern `{ $.type = "request" }`, the one pattern that is known here.
    pub fn of(line: &LogLine) -> Option<Self> {
        if line.source != LogSource::Stdout || !line.line.contains("\"request\"") {
            return None;
        }
        let parsed: Value = serde_json::from_str(&line.line).ok()?;
        if parsed["type"] != "request" {
            return None;
        }
        let written = parsed["timestamp"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
        Some(Self {
            id: uuid::Uuid::now_v7().simple().to_string(),
            timestamp: written.unwrap_or_else(jiff::Timestamp::now).as_millisecond(),
            message: line.line.clone(),
        })
    }
}

/// The subscription of the template.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// The function that gets the lines.
    pub function: String,
    /// The log group that they are said to come from.
    pub log_group: String,
}

impl Subscription {
    /// The first function that has one.
    pub fn find(template: &Template) -> Option<Self> {
        template.functions.iter().find_map(|function| {
            function.events.iter().find_map(|(_, event)| match event {
                Event::CloudWatchLogs { log_group, .. } => {
                    Some(Self { function: function.name.clone(), log_group: log_group.clone() })
                }
                _ => None,
            })
        })
    }

    /// The event for some lines: JSON, compressed, in base64.
    pub fn event(&self, records: &[Record]) -> Value {
        let events: Vec<_> = records
            .iter()
            .map(|record| json!({"id": record.id, "timestamp": record.timestamp, "message": record.message}))
            .collect();
        let message = json!({
            "messageType": "DATA_MESSAGE",
            "owner": crate::template::ACCOUNT,
            "logGroup": self.log_group,
            "logStream": "local",
            "subscriptionFilters": [format!("{}-lines", self.function)],
            "logEvents": events
        });
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let compressed = encoder.write_all(message.to_string().as_bytes()).and_then(|()| encoder.finish());
        json!({"awslogs": {"data": STANDARD.encode(compressed.expect("writing to memory does not fail"))}})
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn line(source: LogSource, text: &str) -> LogLine {
        LogLine { function: "get-me".into(), source, line: text.to_owned() }
    }

    #[test]
    fn only_request_lines_on_standard_output_are_records() {
        let text = r#"{"type":"request","timestamp":"2026-11-16T00:00:01.5Z","status_code":200}"#;
        let record = Record::of(&line(LogSource::Stdout, text)).unwrap();
        assert_eq!((record.timestamp, record.message.as_str()), (1_794_787_201_500, text));
        assert_eq!(Record::of(&line(LogSource::Stderr, text)), None);
        assert_eq!(Record::of(&line(LogSource::Stdout, r#"{"type":"job","x":"request"}"#)), None);
        assert_eq!(Record::of(&line(LogSource::Stdout, r#"not JSON but "request""#)), None);
    }

    #[test]
    fn the_event_unpacks_to_the_lines() {
        let subscription =
            Subscription { function: "record-metrics".to_owned(), log_group: "/praxis".to_owned() };
        let record = Record { id: "1".to_owned(), timestamp: 5, message: "{}".to_owned() };
        let event = subscription.event(&[record]);
        let packed = STANDARD.decode(event["awslogs"]["data"].as_str().unwrap()).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["messageType"], "DATA_MESSAGE");
        assert_eq!(message["logGroup"], "/praxis");
        assert_eq!(message["logEvents"], json!([{"id": "1", "timestamp": 5, "message": "{}"}]));
    }
}
