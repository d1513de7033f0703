//! Why a model gave no answer.

use std::error::Error as StdError;
use std::fmt;

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
    /// The deadline passed.
    Timeout,
    /// The provider answered with this HTTP status.
    Status(u16),
    /// No connection, or one that broke off.
    Transport,
    /// An answer that is not what the API promises, or is too large.
    Malformed,
    /// An answer without text.
    Empty,
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
            ModelErrorKind::Transport => f.write_str("transport"),
            ModelErrorKind::Malformed => f.write_str("malformed"),
            ModelErrorKind::Empty => f.write_str("empty"),
        }
    }
}
