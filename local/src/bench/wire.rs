//! A proxy between function and PostgreSQL that counts round trips where they happen, and keeps what the client said.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use anyhow::Result;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::lambda::lock;

/// A running proxy. Dropping it ends its connections.
pub(super) struct Proxy {
    /// Where it listens.
    pub(super) address: SocketAddr,
    conversations: Arc<Mutex<Vec<Arc<Mutex<Conversation>>>>>,
    task: JoinHandle<()>,
}

/// One connection as it went over the wire.
#[derive(Debug, Default, Clone)]
pub(super) struct Conversation {
    /// Round trips from the start-up packet until the server was ready for a statement.
    pub(super) connecting: u32,
    /// Round trips after that.
    pub(super) statements: u32,
    /// Everything that the client sent.
    pub(super) sent: Vec<u8>,
    client_spoke_last: bool,
    is_ready: bool,
    messages: Messages,
}

/// Where the server's stream of messages stands: each has a type byte and a length that counts itself.
#[derive(Debug, Default, Clone)]
struct Messages {
    head: Vec<u8>,
    body_left: usize,
}

impl Proxy {
    /// Passes everything on to `server`, unencrypted.
    ///
    /// # Errors
    /// When there is no free port.
    pub(super) async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let conversations = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&conversations);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let conversation = Arc::<Mutex<Conversation>>::default();
                lock(&kept).push(Arc::clone(&conversation));
                connections.spawn(async move {
                    // A connection that breaks shows in what the function answers.
                    let _ = pass_on(client, server, &conversation).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, conversations, task })
    }

    /// The conversations so far, which are then forgotten.
    pub(super) fn take(&self) -> Vec<Conversation> {
        std::mem::take(&mut *lock(&self.conversations)).iter().map(|one| lock(one).clone()).collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(client: TcpStream, server: SocketAddr, conversation: &Mutex<Conversation>) -> Result<()> {
    let server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
    // The client's goodbye ends its half; the server then closes the other.
    let (up, down) = tokio::join!(
        copy(client_in, server_out, |bytes| lock(conversation).client_said(bytes)),
        copy(server_in, client_out, |bytes| lock(conversation).server_said(bytes)),
    );
    up.and(down)
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut seen: impl FnMut(&[u8]),
) -> Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(to.shutdown().await?);
        }
        // Before it is passed on: no answer can be counted before its question.
        seen(&buffer[..length]);
        to.write_all(&buffer[..length]).await?;
    }
}

impl Conversation {
    fn client_said(&mut self, bytes: &[u8]) {
        self.client_spoke_last = true;
        self.sent.extend_from_slice(bytes);
    }

    /// The first answer after the client's words completes a round trip; its last words, a goodbye, get none.
    fn server_said(&mut self, bytes: &[u8]) {
        if std::mem::take(&mut self.client_spoke_last) {
            let trips = if self.is_ready { &mut self.statements } else { &mut self.connecting };
            *trips += 1;
        }
        // `ReadyForQuery`
        self.is_ready |= self.messages.read(bytes).contains(&b'Z');
    }
}

impl Messages {
    /// The types of the messages that begin in `bytes`.
    fn read(&mut self, mut bytes: &[u8]) -> Vec<u8> {
        let mut types = Vec::new();
        while !bytes.is_empty() {
            let body = self.body_left.min(bytes.len());
            self.body_left -= body;
            bytes = &bytes[body..];
            while let [first, rest @ ..] = bytes
                && self.body_left == 0
            {
                self.head.push(*first);
                bytes = rest;
                if let [kind, length @ ..] = self.head.as_slice()
                    && let Ok(length) = <[u8; 4]>::try_from(length)
                {
                    types.push(*kind);
                    self.body_left = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                    self.head.clear();
                }
            }
        }
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_counted_apart_before_and_after_the_server_is_ready() {
        let mut wire = Conversation::default();
        wire.client_said(b"start-up");
        wire.server_said(b"R\0\0\0\x08\0\0\0\x0a");
        wire.client_said(b"password");
        // The authentication's end and `ReadyForQuery`, torn in two in the middle of its head.
        wire.server_said(b"R\0\0\0\x08\0\0\0\0Z\0");
        wire.server_said(b"\0\0\x05I");
        wire.client_said(b"begin");
        wire.client_said(b"select");
        wire.server_said(b"C\0\0\0\x06Z\0");
        wire.server_said(b"Z\0\0\0\x05T");
        wire.client_said(b"goodbye");
        assert_eq!((wire.connecting, wire.statements), (2, 1));
        assert_eq!(wire.sent, b"start-uppasswordbeginselectgoodbye");
    }

    #[test]
    fn a_z_inside_a_message_is_no_readiness() {
        let mut wire = Conversation::default();
        wire.server_said(b"S\0\0\0\x06ZZ");
        assert!(!wire.is_ready);
        wire.server_said(b"Z\0\0\0\x05I");
        assert!(wire.is_ready);
    }
}
