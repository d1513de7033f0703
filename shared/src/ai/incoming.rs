//! What has come of a streamed answer.

use std::collections::VecDeque;

use serde_json::Value;

use crate::ai::attempts::Failure;
use crate::ai::error::UpstreamCode;
use crate::ai::learned::Learned;
use crate::ai::reasoning::{Split, Splitter};
use crate::ai::sse::{Event, Events};
use crate::ai::tools::Calls;
use crate::ai::{ModelErrorKind, wire};

/// The largest streamed answer, in bytes: a token costs some 300, reasoning included. It is not kept.
const MAX_STREAM_BYTES: usize = 32 * 1024 * 1024;

/// Turns the bytes of a stream into pieces of text and calls.
pub(super) struct Incoming {
    events: Events,
    splitter: Splitter,
    learned: Learned,
    /// Pieces of text that were not handed on.
    pieces: VecDeque<String>,
    has_handed_on: bool,
    pub calls: Calls,
    /// Bytes read.
    size: usize,
    /// The answer has said why it ended; only the usage may follow.
    pub is_finished: bool,
    /// Nothing more is read.
    pub is_over: bool,
    /// The provider stopped at the length that was asked for.
    pub is_cut: bool,
    pub tokens: (Option<i32>, Option<i32>),
}

impl Incoming {
    pub(super) fn new(learned: &Learned) -> Incoming {
        Incoming {
            events: Events::default(),
            splitter: Splitter::new(learned.begins_in_reasoning()),
            learned: learned.clone(),
            pieces: VecDeque::new(),
            has_handed_on: false,
            calls: Calls::default(),
            size: 0,
            is_finished: false,
            is_over: false,
            is_cut: false,
            tokens: (None, None),
        }
    }

    /// Whether there is neither text nor a call.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.calls.is_empty()
    }

    /// The next piece that has come, never empty.
    pub(super) fn pop(&mut self) -> Option<String> {
        let piece = self.pieces.pop_front();
        self.has_handed_on |= piece.is_some();
        piece
    }

    /// Takes a chunk.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.size += chunk.len();
        for event in self.events.push(chunk) {
            if self.take(event)? {
                self.end();
                return Ok(());
            }
        }
        let is_too_large = self.size > MAX_STREAM_BYTES
            || self.events.pending() > wire::MAX_ANSWER_BYTES
            || self.splitter.held() > wire::MAX_ANSWER_BYTES;
        if is_too_large { Err(Failure::of(ModelErrorKind::Malformed)) } else { Ok(()) }
    }

    /// The stream has ended as it should.
    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        if self.splitter.waits_for_closing() && self.splitter.held() > 0 && !self.is_cut {
            self.learned.set_begins_in_reasoning(false);
        }
        let rest = self.splitter.end(self.is_cut);
        self.keep(rest);
    }

    /// Nothing more is wanted.
    pub(super) fn stop(&mut self) {
        self.is_over = true;
        self.pieces.clear();
        self.calls = Calls::default();
    }

    /// True if it was the last event.
    fn take(&mut self, event: Event) -> Result<bool, Failure> {
        let data = event.data.trim();
        if data == "[DONE]" {
            return Ok(true);
        }
        if data.is_empty() && !event.is_error {
            return Ok(false);
        }
        let value: Value = match serde_json::from_str(data) {
            Ok(value) => value,
            Err(_) if event.is_error => data.into(),
            Err(_) if self.is_finished => return Ok(true),
            Err(_) => return Err(Failure::of(ModelErrorKind::Malformed)),
        };
        if let Some(error) = wire::error(&value).or(event.is_error.then_some(&value)) {
            // The answer is whole: what went wrong afterwards is not its matter.
            return if self.is_finished { Ok(true) } else { Err(Failure::upstream(error)) };
        }
        self.take_value(&value)?;
        Ok(false)
    }

    /// Takes a whole answer, of a server that knows no streams.
    pub(super) fn take_whole(&mut self, answer: &Value) -> Result<(), Failure> {
        if let Some(error) = wire::error(answer) {
            return Err(Failure::upstream(error));
        }
        self.take_value(answer)?;
        self.end();
        Ok(())
    }

    fn take_value(&mut self, value: &Value) -> Result<(), Failure> {
        let choice = &value["choices"][0];
        for usage in [&value["usage"], &choice["usage"], &value["x_groq"]["usage"]] {
            if usage.is_object() {
                self.tokens = wire::tokens(usage);
                break;
            }
        }
        self.take_choice(choice)
    }

    fn take_choice(&mut self, choice: &Value) -> Result<(), Failure> {
        let delta = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        let text = match &delta["content"] {
            Value::String(text) => wire::clean(text),
            Value::Array(parts) => wire::clean(&wire::texts(parts).collect::<String>()),
            _ => String::new(),
        };
        match self.splitter.push(&text) {
            Split::Text(text) => self.keep(text),
            Split::Anew(text) => {
                self.learned.set_begins_in_reasoning(true);
                self.pieces.clear();
                if self.has_handed_on {
                    return Err(Failure::of(ModelErrorKind::Malformed));
                }
                self.keep(text);
            }
        }
        for fragment in delta["tool_calls"].as_array().into_iter().flatten() {
            self.calls.push(fragment).map_err(Failure::of)?;
        }
        match choice["finish_reason"].as_str() {
            None | Some("") => {}
            Some("error") => return Err(Failure::of(ModelErrorKind::Upstream(UpstreamCode::unknown()))),
            Some(_) => {
                self.is_finished = true;
                self.is_cut = wire::is_cut(&choice["finish_reason"]);
            }
        }
        Ok(())
    }

    fn keep(&mut self, text: String) {
        if !text.is_empty() {
            self.pieces.push_back(text);
        }
    }
}
