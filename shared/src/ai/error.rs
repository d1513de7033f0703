//! Why a model gave no answer.

use std::error::Error as StdError;
use std::fmt;

use serde_json::Value;

use crate::ai::Usage;

/// A call that gave no answer. Its text is safe to log: no content, no key.
#[derive(Debug)]
pub struct ModelError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ModelErrorKind,
    usage: Usage,
}

/// What went wrong, at the last attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// The deadline passed, or a stream was silent for too long.
    Timeout,
    /// The provider answered with this HTTP status.
    Status(u16),
    /// The provider began an answer with a good status and then told an error.
    Upstream(UpstreamCode),
    /// No connection, or one that broke off.
    Transport,
    /// An answer that is not what the API promises, or is too large.
    Malformed,
    /// An answer without text or calls.
    Empty,
    /// The length that the caller gave was used up before there was anything to hand on: by reasoning, or by half a
    /// value.
    Truncated,
}

/// The code of an error that a provider told inside an answer: `overloaded_error`, `429`. At most 32 characters, all
/// of them letters, digits, `_`, `-`, `.` or `:`; `unknown` where it gave none like that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct UpstreamCode {
    bytes: [u8; UpstreamCode::MAX],
    length: u8,
}

impl ModelError {
    pub(super) fn new(kind: ModelErrorKind, usage: Usage) -> ModelError {
        ModelError(Box::new(Inner { kind, usage }))
    }

    /// What went wrong.
    pub fn kind(&self) -> ModelErrorKind {
        self.0.kind
    }

    /// What the failed call cost.
    pub fn usage(&self) -> &Usage {
        &self.0.usage
    }

    /// Whether the provider refused before it did anything. One that was not heard to the end may want its money.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.0.kind, ModelErrorKind::Status(_))
    }

    /// Whether the provider is down, slow or overloaded, so that a breaker should count it: a timeout, no connection,
    /// 408, 425, 429, 5xx, and the same told inside an answer. Not a bad answer, and not a refused request.
    pub fn is_providers_fault(&self) -> bool {
        self.0.kind == ModelErrorKind::Timeout || self.0.kind.is_passing()
    }
}

impl ModelErrorKind {
    /// Whether the same request may succeed a moment later.
    pub(super) fn is_passing(self) -> bool {
        match self {
            ModelErrorKind::Transport => true,
            ModelErrorKind::Status(status) => is_passing_status(status),
            ModelErrorKind::Upstream(code) => code.is_passing(),
            _ => false,
        }
    }

    /// Of an answer with nothing to hand on; `is_cut` if its length was used up.
    pub(super) fn nothing(is_cut: bool) -> ModelErrorKind {
        if is_cut { ModelErrorKind::Truncated } else { ModelErrorKind::Empty }
    }
}

fn is_passing_status(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

impl UpstreamCode {
    const MAX: usize = 32;

    /// The code of an `error` value: its `code`, `type` or `status`; else what its words tell, in a word of ours,
    /// since the words themselves may quote a person.
    pub(super) fn of(error: &Value) -> UpstreamCode {
        let words = match error {
            Value::String(words) => words,
            error => {
                for name in ["code", "type", "status"] {
                    let code = match &error[name] {
                        Value::Number(code) => UpstreamCode::parse(&code.to_string()),
                        Value::String(code) => UpstreamCode::parse(code),
                        _ => None,
                    };
                    if let Some(code) = code {
                        return code;
                    }
                }
                error["message"].as_str().unwrap_or_default()
            }
        };
        let words_lower = words.to_ascii_lowercase();
        let told = [
            ("overload", "overloaded"),
            ("rate limit", "rate_limited"),
            ("too many requests", "rate_limited"),
            ("timeout", "timeout"),
            ("timed out", "timeout"),
            ("unavailable", "unavailable"),
            ("internal server error", "internal_server_error"),
        ];
        let told = told.into_iter().find(|(words, _)| words_lower.contains(words)).map(|(_, code)| code);
        told.or_else(|| error.as_str()).and_then(UpstreamCode::parse).unwrap_or_else(UpstreamCode::unknown)
    }

    pub(super) fn unknown() -> UpstreamCode {
        UpstreamCode::parse("unknown").expect("it is a word of letters")
    }

    /// One word, cut to the length of a code.
    fn parse(code: &str) -> Option<UpstreamCode> {
        let code = code.trim().as_bytes();
        let is_word = code.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(byte));
        if code.is_empty() || !is_word {
            return None;
        }
        let length = code.len().min(UpstreamCode::MAX);
        let mut bytes = [0; UpstreamCode::MAX];
        bytes[..length].copy_from_slice(&code[..length]);
        Some(UpstreamCode { bytes, length: length as u8 })
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// The HTTP status that the code is, if it is one.
    pub(super) fn status(&self) -> Option<u16> {
        self.as_str().parse().ok()
    }

    fn is_passing(&self) -> bool {
        if let Some(status) = self.status() {
            return is_passing_status(status);
        }
        let code = self.as_str().to_ascii_lowercase();
        code == "api_error"
            || ["overload", "rate_limit", "ratelimit", "too_many", "timeout", "unavailable", "internal"]
                .iter()
                .chain(&["server_error", "exhausted"])
                .any(|word| code.contains(word))
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, usage } = &*self.0;
        write!(f, "model: {kind} (attempts: {}, {} ms)", usage.attempts, usage.latency.as_millis())
    }
}

impl StdError for ModelError {}

impl fmt::Display for ModelErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModelErrorKind::Timeout => f.write_str("timeout"),
            ModelErrorKind::Status(status) => write!(f, "status {status}"),
            ModelErrorKind::Upstream(code) => write!(f, "upstream {code}"),
            ModelErrorKind::Transport => f.write_str("transport"),
            ModelErrorKind::Malformed => f.write_str("malformed"),
            ModelErrorKind::Empty => f.write_str("empty"),
            ModelErrorKind::Truncated => f.write_str("truncated"),
        }
    }
}

impl fmt::Display for UpstreamCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UpstreamCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}
