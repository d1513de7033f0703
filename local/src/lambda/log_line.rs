//! What functions write.

use std::sync::Arc;

/// One line that a function wrote, or that Lambda has to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Name of the function.
    pub function: Arc<str>,
    /// Who wrote it.
    pub source: LogSource,
    /// The text without its line end.
    pub line: String,
}

/// Who wrote a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// The function, to standard output: its event stream.
    Stdout,
    /// The function, to standard error.
    Stderr,
    /// Lambda: a crash, a timeout, a failed start.
    Platform,
}
