//! An answer as it is written.

use std::collections::VecDeque;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::timeout_at;

use crate::ai::attempts::{Failure, Spending};
use crate::ai::sse::Events;
use crate::ai::{Chat, MAX_ANSWER_CHARS, Model, ModelError, ModelErrorKind, Usage, wire};

/// The pieces of one answer. `next` until it gives `None`, then `usage`.
pub struct Deltas {
    reader: Reader,
    /// Pieces that have come and were not handed on.
    ready: VecDeque<String>,
    /// Characters that may still be handed on.
    room: usize,
    spending: Spending,
}

impl Model {
    /// The model's next message in pieces. It returns when the first piece is here, which is also how long failed
    /// attempts are repeated; later failures come from [`Deltas::next`]. The deadline is over the whole answer.
    pub async fn stream(&self, chat: &Chat) -> Result<Deltas, ModelError> {
        let mut spending = Spending::new(self);
        let mut body = wire::chat_body(&self.chat_model, chat);
        body["stream"] = json!(true);
        body["stream_options"] = json!({ "include_usage": true });
        let body = &body.to_string();
        let (reader, first) = spending
            .attempt(move || async move {
                let mut reader = Reader::new(self.open("/chat/completions", body.clone()).await?);
                let mut first = VecDeque::new();
                // White space before the answer is no beginning of it.
                while first.iter().all(|piece: &String| piece.trim().is_empty()) {
                    if !reader.read(&mut first).await.map_err(Failure::of)? {
                        break;
                    }
                }
                while first.front().is_some_and(|piece| piece.trim().is_empty()) {
                    first.pop_front();
                }
                let Some(piece) = first.front_mut() else { return Err(Failure::of(ModelErrorKind::Empty)) };
                *piece = piece.trim_start().to_owned();
                Ok((reader, first))
            })
            .await?;
        Ok(Deltas { reader, ready: first, room: MAX_ANSWER_CHARS, spending })
    }
}

impl Deltas {
    /// The next piece, never empty; `None` at the end of the answer, at [`MAX_ANSWER_CHARS`] characters of it, and
    /// after an error.
    pub async fn next(&mut self) -> Result<Option<String>, ModelError> {
        while self.room > 0 {
            if let Some(piece) = self.ready.pop_front() {
                let piece: String = piece.chars().take(self.room).collect();
                self.room -= piece.chars().count();
                return Ok(Some(piece));
            }
            let read = timeout_at(self.spending.deadline, self.reader.read(&mut self.ready)).await;
            match read.unwrap_or(Err(ModelErrorKind::Timeout)) {
                Ok(more) if more || !self.ready.is_empty() => {}
                Ok(_) => break,
                Err(kind) => {
                    self.room = 0;
                    return Err(self.spending.error(kind));
                }
            }
        }
        Ok(None)
    }

    /// What it has cost so far; the tokens are known at the end.
    pub fn usage(&self) -> Usage {
        let mut usage = self.spending.usage();
        (usage.tokens_in, usage.tokens_out) = self.reader.tokens;
        usage
    }
}

/// Reads pieces of text from the events of a response.
struct Reader {
    response: Response,
    events: Events,
    /// Bytes read.
    size: usize,
    /// A choice has said why it ended; only the usage may follow.
    finished: bool,
    done: bool,
    tokens: (Option<i32>, Option<i32>),
}

impl Reader {
    fn new(response: Response) -> Reader {
        Reader {
            response,
            events: Events::default(),
            size: 0,
            finished: false,
            done: false,
            tokens: (None, None),
        }
    }

    /// Reads one chunk into `pieces`; false at the end.
    async fn read(&mut self, pieces: &mut VecDeque<String>) -> Result<bool, ModelErrorKind> {
        if self.done {
            return Ok(false);
        }
        let Some(chunk) = self.response.chunk().await.map_err(|_| ModelErrorKind::Transport)? else {
            // Some servers close without the last event; without a reason to finish it was cut off.
            self.done = true;
            return if self.finished { Ok(false) } else { Err(ModelErrorKind::Transport) };
        };
        self.size += chunk.len();
        if self.size > wire::MAX_ANSWER_BYTES {
            return Err(ModelErrorKind::Malformed);
        }
        for data in self.events.push(&chunk) {
            if data == "[DONE]" {
                self.done = true;
                return Ok(false);
            }
            let event: Value = serde_json::from_str(&data).map_err(|_| ModelErrorKind::Malformed)?;
            if event["error"].is_object() {
                return Err(ModelErrorKind::Malformed);
            }
            if event["usage"].is_object() {
                self.tokens = wire::tokens(&event["usage"]);
            }
            let choice = &event["choices"][0];
            self.finished |= choice["finish_reason"].is_string();
            let piece = wire::clean(choice["delta"]["content"].as_str().unwrap_or_default());
            if !piece.is_empty() {
                pieces.push_back(piece);
            }
        }
        Ok(true)
    }
}
