//! An answer as it is written.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tokio::time::{timeout, timeout_at};

use crate::ai::attempts::{Failure, Spending};
use crate::ai::incoming::Incoming;
use crate::ai::server::{self, Request};
use crate::ai::{Chat, Model, ModelError, ModelErrorKind, ToolCall, Usage, wire};

/// How long the usage is waited for when the answer is there.
const USAGE_WAIT: Duration = Duration::from_secs(3);

/// The pieces of one answer. `next` until it gives `None`, then the rest.
pub struct Deltas {
    reader: Reader,
    /// Characters that may still be handed on.
    room: usize,
    /// The text was cut at its limit of characters.
    is_cut: bool,
    /// To be told after the pieces that came before it.
    failure: Option<ModelErrorKind>,
    spending: Spending,
}

impl Model {
    /// The model's next message in pieces. It returns when the first piece, or the beginning of a call, is here,
    /// which is also how long failed attempts are repeated; later failures come from [`Deltas::next`]. The deadline
    /// is over the whole answer.
    ///
    /// Reasoning is no part of it. Where a model turns out to begin inside of its reasoning after some of that was
    /// handed on, `next` fails as [`ModelErrorKind::Malformed`]: what came so far is void. Its next streams are held
    /// back.
    pub async fn stream(&self, chat: &Chat) -> Result<Deltas, ModelError> {
        let mut spending = Spending::new(&self.chat_model, chat.time(self.stream_deadline));
        let mut body = wire::chat_body(&self.chat_model, chat);
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
        let mut request = Request::new(&self.server, body);
        let reader = spending
            .attempt(&mut request, move |body| async move {
                let response = self.server.open("/chat/completions", body).await?;
                let mut incoming = Incoming::new(&self.server.learned);
                let response = if is_json(&response) {
                    incoming.take_whole(&server::json_of(response, wire::MAX_ANSWER_BYTES).await?)?;
                    None
                } else {
                    Some(response)
                };
                let mut reader = Reader { response, incoming, idle: self.stream_idle };
                while reader.incoming.is_empty() {
                    if reader.incoming.is_over {
                        return Err(Failure::of(ModelErrorKind::nothing(reader.incoming.is_cut)));
                    }
                    reader.read().await?;
                }
                Ok(reader)
            })
            .await?;
        Ok(Deltas { reader, room: chat.max_chars, is_cut: false, failure: None, spending })
    }
}

impl Deltas {
    /// The next piece, never empty; `None` at the end of the answer, at [`Chat::max_chars`] characters of it, and
    /// after an error.
    pub async fn next(&mut self) -> Result<Option<String>, ModelError> {
        loop {
            while let Some(mut piece) = self.reader.incoming.pop() {
                let end = piece.char_indices().nth(self.room).map_or(piece.len(), |(end, _)| end);
                if !piece[end..].trim().is_empty() {
                    self.is_cut = true;
                    self.reader.stop();
                }
                piece.truncate(end);
                self.room -= piece.chars().count();
                if !piece.is_empty() {
                    return Ok(Some(piece));
                }
            }
            if let Some(kind) = self.failure.take() {
                self.reader.stop();
                return Err(self.spending.error(kind));
            }
            if self.reader.incoming.is_over {
                return Ok(None);
            }
            let read = timeout_at(self.spending.deadline, self.reader.read()).await;
            match read {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => self.failure = Some(failure.kind),
                // The answer is there.
                Err(_) if self.reader.incoming.is_finished => self.reader.incoming.end(),
                Err(_) => self.failure = Some(ModelErrorKind::Timeout),
            }
        }
    }

    /// What the model asks to call, once the answer has ended; a text that was cut has no calls.
    pub fn take_tool_calls(&mut self) -> Vec<ToolCall> {
        std::mem::take(&mut self.reader.incoming.calls).finish()
    }

    /// Whether there would have been more, as in [`crate::ai::Completion::truncated`]; known at the end.
    pub fn is_truncated(&self) -> bool {
        self.is_cut || self.reader.incoming.is_cut
    }

    /// What it has cost so far; the tokens are known at the end.
    pub fn usage(&self) -> Usage {
        let mut usage = self.spending.usage();
        (usage.tokens_in, usage.tokens_out) = self.reader.incoming.tokens;
        usage
    }
}

/// Whether a server answers with a whole instead of a stream.
fn is_json(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json"))
}

/// Reads the chunks of a response.
struct Reader {
    /// None once it is not wanted any more: the connection ends, and with it what the provider writes.
    response: Option<Response>,
    incoming: Incoming,
    idle: Duration,
}

impl Reader {
    /// Reads one chunk.
    async fn read(&mut self) -> Result<(), Failure> {
        let Some(response) = &mut self.response else { return Ok(()) };
        let is_finished = self.incoming.is_finished;
        let wait = if is_finished { self.idle.min(USAGE_WAIT) } else { self.idle };
        match timeout(wait, response.chunk()).await {
            Ok(Ok(Some(chunk))) => self.incoming.push(&chunk)?,
            // Some servers close without the last event, or keep silent; the answer is there.
            _ if is_finished => self.incoming.end(),
            // Without a reason to finish it was cut off.
            Ok(_) => return Err(Failure::of(ModelErrorKind::Transport)),
            Err(_) => return Err(Failure::of(ModelErrorKind::Timeout)),
        }
        if self.incoming.is_over {
            self.response = None;
        }
        Ok(())
    }

    fn stop(&mut self) {
        self.response = None;
        self.incoming.stop();
    }
}
