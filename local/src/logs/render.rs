//! A log line for people.

use serde_json::Value;

/// One line of the log file as text, with colours when `coloured`. What is no JSON object stays as it is.
pub fn render(line: &str, coloured: bool) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str(line) else { return line.to_owned() };
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let paint = |code: &str, text: &str| {
        if coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let time = text("timestamp");
    // `2026-11-16T10:20:30.123456Z` → `10:20:30.123`
    let time = time.split_once('T').map_or(time, |(_, time)| time).trim_end_matches('Z');
    let time = paint("2", time.get(..12).unwrap_or(time));
    let function = format!("{:<20}", text("function"));

    if text("type") == "request" {
        let status = fields.get("status_code").and_then(Value::as_u64).unwrap_or_default();
        let colour = match status {
            500.. => "31",
            400.. => "33",
            _ => "32",
        };
        let mut parts = vec![
            time,
            paint(colour, &status.to_string()),
            format!("{:<6} {}", text("method"), text("path")),
            paint("2", &durations(&fields)),
        ];
        let code = text("error_code");
        if !code.is_empty() {
            parts.push(paint(colour, code));
        }
        parts.push(paint("2", text("request_id")));
        return parts.join(" ");
    }

    let level = text("level");
    let colour = match (level, text("type")) {
        ("ERROR", _) | (_, "lambda" | "stderr") => "31",
        ("WARN", _) => "33",
        _ => "0",
    };
    let message = text("message");
    let message = if message.is_empty() {
        // A job's line says what it did in fields of its own; its metrics declaration is for CloudWatch.
        let known = ["timestamp", "function", "level", "type", "_aws", "message"];
        let rest = fields.iter().filter(|(name, value)| !known.contains(&name.as_str()) && !value.is_null());
        rest.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    } else {
        message.to_owned()
    };
    format!("{time} {} {}", function, paint(colour, &message))
}

/// `12 ms (db 4 in 2, ai 0 in 0), cold`, without what is zero.
fn durations(fields: &serde_json::Map<String, Value>) -> String {
    let number = |name: &str| fields.get(name).and_then(Value::as_f64).unwrap_or_default();
    let mut parts = Vec::new();
    for (name, time, count) in [("db", "db_ms", "db_round_trips"), ("ai", "ai_ms", "ai_calls")] {
        if number(count) > 0.0 {
            parts.push(format!("{name} {:.0} in {:.0}", number(time), number(count)));
        }
    }
    if fields.get("cold_start") == Some(&Value::Bool(true)) {
        parts.push("cold".to_owned());
    }
    let detail = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
    format!("{:.0} ms{detail}", number("latency_ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_readable_line() {
        let line = r#"{"type":"request","timestamp":"2026-11-16T10:20:30.123456Z","function":"get-scene",
            "method":"GET","path":"/api/v1/scenes/1","status_code":404,"error_code":"NOT_FOUND","latency_ms":12.3,
            "db_ms":4.1,"db_round_trips":2,"ai_calls":0,"cold_start":true,"request_id":"r-1"}"#;
        assert_eq!(
            render(line, false),
            "10:20:30.123 404 GET    /api/v1/scenes/1 12 ms (db 4 in 2, cold) NOT_FOUND r-1"
        );
        assert!(render(line, true).contains("\x1b[33m404\x1b[0m"));
    }

    #[test]
    fn other_lines_keep_their_words() {
        let job =
            r#"{"type":"job","timestamp":"2026-11-16T10:20:30Z","function":"weekly-progress","people":3}"#;
        assert_eq!(render(job, false), "10:20:30 weekly-progress      people=3");
        assert_eq!(render("plain text", true), "plain text");
    }
}
