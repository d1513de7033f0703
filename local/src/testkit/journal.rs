//! What was said last, for a test that fails.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use crate::lambda::{LogLine, lock};

/// So many calls are told of.
const KEPT: usize = 5;
/// Of a longer body the beginning is shown.
const SHOWN: usize = 4000;
/// Headers whose values let somebody in: of these too only the beginning is shown.
const SECRET: [&str; 4] = ["authorization", "cookie", "set-cookie", "x-csrf-token"];

/// The lines of a stack's functions, in order of arrival.
pub(super) type Lines = Arc<Mutex<Vec<LogLine>>>;

/// The last calls of a stack's clients. Dropped while the test panics, it prints them.
#[derive(Debug)]
pub(super) struct Journal {
    exchanges: Mutex<VecDeque<Exchange>>,
    lines: Lines,
}

/// A call and what came of it.
#[derive(Debug)]
struct Exchange {
    request: String,
    answer: String,
    request_id: Option<String>,
    /// How many lines there were before.
    since: usize,
}

/// A call that has no answer yet.
pub(super) struct Asked {
    request: String,
    since: usize,
}

impl Journal {
    pub(super) fn new(lines: Lines) -> Self {
        Self { exchanges: Mutex::default(), lines }
    }

    pub(super) fn asked(&self, line: &str, request: &reqwest::Request) -> Asked {
        let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        Asked { request: message(line, request.headers(), body), since: lock(&self.lines).len() }
    }

    /// Of a stream the body is not known.
    pub(super) fn answered(
        &self,
        asked: Asked,
        status: StatusCode,
        headers: &HeaderMap,
        body: Option<&Bytes>,
    ) {
        let shown = body.map_or(&b"(a stream)"[..], |body| body);
        let request_id = headers.get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let answer = message(&format!("answer: {status}"), headers, shown);
        let mut exchanges = lock(&self.exchanges);
        if exchanges.len() == KEPT {
            exchanges.pop_front();
        }
        exchanges.push_back(Exchange { request: asked.request, answer, request_id, since: asked.since });
    }

    fn print(&self) {
        let (exchanges, lines) = (lock(&self.exchanges), lock(&self.lines));
        let mut text = String::new();
        for (index, exchange) in exchanges.iter().enumerate() {
            let _ = write!(text, "\n{}{}", exchange.request, exchange.answer);
            let until = exchanges.get(index + 1).map_or(lines.len(), |next| next.since);
            for (at, line) in lines.iter().enumerate() {
                let parsed = serde_json::from_str::<Value>(&line.line).unwrap_or_default();
                let of_request = parsed["request_id"].as_str().filter(|id| !id.is_empty());
                let belongs = match of_request {
                    Some(_) => of_request == exchange.request_id.as_deref(),
                    // A panic, or why a function does not start, bears no id: it is shown with the call during which it came.
                    None => (exchange.since..until).contains(&at),
                };
                if belongs {
                    let _ = writeln!(text, "log of {}: {}", line.function, beginning(&line.line, SHOWN));
                }
            }
        }
        if !text.is_empty() {
            eprintln!("\nThe test's last calls, the latest at the end:\n{text}");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print();
        }
    }
}

fn message(first: &str, headers: &HeaderMap, body: &[u8]) -> String {
    let mut text = format!("{first}\n");
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = if SECRET.contains(&name.as_str()) { beginning(&value, 20) } else { value.into_owned() };
        let _ = writeln!(text, "    {name}: {value}");
    }
    let is_text = headers.get(header::CONTENT_ENCODING).is_none() && std::str::from_utf8(body).is_ok();
    match body.len() {
        0 => {}
        _ if is_text => {
            let _ = writeln!(text, "    {}", beginning(&String::from_utf8_lossy(body), SHOWN));
        }
        length => {
            let _ = writeln!(text, "    ({length} bytes)");
        }
    }
    text
}

fn beginning(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
