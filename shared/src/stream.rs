//! Answers that are written while they are read: server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! What goes wrong before the handler replies is an ordinary answer of the error contract; what goes wrong while it is written
//! is an event `error` with the same body.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::describe::Operation;
use crate::error::{Result, internal};
use crate::reply::{Answer, Replied, Reply};
use crate::run::EventId;
use crate::serve::{self, Runner};
use crate::settings::{self, SettingError};

/// What writes an answer.
pub type Writing = Box<dyn FnOnce(Events) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send>;

/// 200 with events, each of them sent as soon as it is written.
pub struct Stream(Writing);

impl Stream {
    /// `write` goes on when the reader has left, because nobody learns of that.
    pub fn new<F, W>(write: F) -> Stream
    where
        F: FnOnce(Events) -> W + Send + 'static,
        W: Future<Output = Result<()>> + Send + 'static,
    {
        Stream(Box::new(move |events| Box::pin(write(events))))
    }
}

impl Reply for Stream {
    fn answer(self) -> Result<Answer> {
        Err(internal("a stream is no whole answer"))
    }

    fn replied(self) -> Result<Replied> {
        Ok(Replied::Written(self.0))
    }

    fn runner() -> Runner {
        serve::written
    }

    fn describe(operation: &mut Operation) {
        operation.streams = true;
        operation.reply_as(200, "Events, each sent as it is written", "text/event-stream", None);
    }
}

/// Where events are written.
#[derive(Clone)]
pub struct Events {
    sender: mpsc::Sender<Bytes>,
    is_left: Arc<AtomicBool>,
}

/// So many events may be written and not yet sent.
const AHEAD: usize = 64;
/// How long a reader may take nothing while so many wait.
const PATIENCE: Duration = Duration::from_secs(10);

impl Events {
    /// The writer's end and the reader's.
    pub(crate) fn channel() -> (Events, mpsc::Receiver<Bytes>) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        (Events { sender, is_left: Arc::default() }, receiver)
    }

    /// Writes an event. `data` is one line of JSON, so that nothing in it can begin another field.
    pub async fn send(&self, name: &'static str, data: &impl Serialize) -> Result<()> {
        let data = serde_json::to_string(data)?;
        self.write(format!("event: {name}\ndata: {data}\n\n")).await;
        Ok(())
    }

    /// Writes an event with an id, as [`Events::send`].
    pub async fn send_as(&self, id: EventId, name: &'static str, data: &impl Serialize) -> Result<()> {
        self.send_line(id, name, &serde_json::to_string(data)?).await;
        Ok(())
    }

    /// Writes an event that is one line of JSON already, with an id.
    pub(crate) async fn send_line(&self, id: EventId, name: &str, line: &str) {
        self.write(format!("id: {id}\nevent: {name}\ndata: {line}\n\n")).await;
    }

    /// A reader who has left changes nothing: what is written is for those who come back as well. One who takes nothing for a while
    /// has left: whoever waited for them would be silent for longer than a writer may.
    async fn write(&self, event: String) {
        if self.is_left.load(Ordering::Relaxed) {
            return;
        }
        if tokio::time::timeout(PATIENCE, self.sender.send(event.into())).await.is_err() {
            self.is_left.store(true, Ordering::Relaxed);
        }
    }
}

/// After how much silence a comment is sent, so that nothing between the two takes the connection for dead: `STREAM_SILENCE_MS`,
/// default 15 seconds.
pub fn silence() -> Result<Duration, SettingError> {
    settings::number("STREAM_SILENCE_MS", 15_000, 1).map(Duration::from_millis)
}

/// The comment.
pub(crate) const COMMENT: &[u8] = b": still here\n\n";

/// What a reader that lost the connection waits before it asks again.
pub(crate) const RETRY: &[u8] = b"retry: 2000\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_event_is_one_line_of_data_whatever_is_in_it() {
        let (events, mut receiver) = Events::channel();
        events.send("delta", &serde_json::json!({ "text": "a\nevent: x\r\ndata: y\u{2028}" })).await.unwrap();
        let text = receiver.recv().await.unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(text, "event: delta\ndata: {\"text\":\"a\\nevent: x\\r\\ndata: y\u{2028}\"}\n\n");
        assert_eq!(text.lines().count(), 3);
    }

    #[tokio::test]
    async fn writing_goes_on_when_the_reader_has_left() {
        let (events, receiver) = Events::channel();
        drop(receiver);
        for _ in 0..2 * AHEAD {
            events.send("delta", &1).await.unwrap();
        }
    }
}
