//! A mail server that speaks SMTP (RFC 5321) and misbehaves on demand.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use crate::mails::Mail;

/// What the server does with one mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Takes it.
    Accept,
    /// Answers the sender's address with this code.
    RefuseSender(u16),
    /// Answers the receiver's address with this code.
    RefuseReceiver(u16),
    /// Reads the mail and answers it with this code.
    RefuseMail(u16),
    /// Reads and keeps the mail, and never answers.
    Hang,
    /// Reads and keeps the mail, and closes the connection instead of answering.
    CloseAfterData,
}

/// The running server. It stops when dropped.
pub struct MailServer {
    address: std::net::SocketAddr,
    state: Arc<Mutex<Script>>,
    task: JoinHandle<()>,
}

struct Script {
    next: VecDeque<Delivery>,
    otherwise: Delivery,
    received: Vec<Mail>,
}

impl MailServer {
    /// A server that always behaves like this, until told otherwise.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(otherwise: Delivery) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(Script { next: VecDeque::new(), otherwise, received: Vec::new() }));
        let script = Arc::clone(&state);
        let task = tokio::spawn(async move {
            // The set belongs to this task: ending it ends the connections.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(converse(stream, Arc::clone(&script)));
            }
        });
        Self { address, state, task }
    }

    /// The value for `MAIL_URL`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Queues what happens to the next mails, before the usual behaviour applies again.
    pub fn then(&self, next: impl IntoIterator<Item = Delivery>) -> &Self {
        lock(&self.state).next.extend(next);
        self
    }

    /// Changes the usual behaviour.
    pub fn always(&self, otherwise: Delivery) -> &Self {
        lock(&self.state).otherwise = otherwise;
        self
    }

    /// The mails that were read to their end and not refused, in order. With [`Delivery::Hang`] and
    /// [`Delivery::CloseAfterData`] the sender does not know of it.
    pub fn received(&self) -> Vec<Mail> {
        lock(&self.state).received.clone()
    }

    /// Waits until so many mails were received.
    ///
    /// # Panics
    /// When they do not come within 20 seconds.
    pub async fn wait_for(&self, count: usize) -> Vec<Mail> {
        let arrived = async {
            while self.received().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), arrived).await;
        in_time.unwrap_or_else(|_| panic!("{} of {count} mails reached the server", self.received().len()));
        self.received()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(state: &Mutex<Script>) -> MutexGuard<'_, Script> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One connection; a client that goes away ends it.
async fn converse(stream: TcpStream, state: Arc<Mutex<Script>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    say(&mut stream, "220 mail.test ESMTP").await?;
    let mut delivery = Delivery::Accept;
    loop {
        let line = hear(&mut stream).await?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let verb = line.split([' ', ':', '\r']).next().unwrap_or_default().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            "MAIL" => {
                let mut script = lock(&state);
                delivery = script.next.pop_front().unwrap_or(script.otherwise);
                match delivery {
                    // Servers repeat the address in their words, which must not end up in a log.
                    Delivery::RefuseSender(code) => format!("{code} no: {}", line.trim_end()),
                    _ => "250 OK".to_owned(),
                }
            }
            "RCPT" => match delivery {
                Delivery::RefuseReceiver(code) => format!("{code} no: {}", line.trim_end()),
                _ => "250 OK".to_owned(),
            },
            "DATA" => {
                say(&mut stream, "354 go on").await?;
                let raw = data(&mut stream).await?;
                if !matches!(delivery, Delivery::RefuseMail(_)) {
                    let mail = Mail::parse("", SystemTime::now(), &raw).expect("a mail that can be read");
                    lock(&state).received.push(mail);
                }
                match delivery {
                    Delivery::RefuseMail(code) => format!("{code} no"),
                    Delivery::Hang => std::future::pending().await,
                    Delivery::CloseAfterData => return None,
                    _ => "250 taken".to_owned(),
                }
            }
            "QUIT" => {
                say(&mut stream, "221 bye").await?;
                return None;
            }
            "HELO" | "RSET" | "NOOP" => "250 OK".to_owned(),
            _ => "502 not implemented".to_owned(),
        };
        say(&mut stream, &answer).await?;
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> Option<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await.ok()
}

/// A line with its end; `None` when the client is gone.
async fn hear(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let read = stream.read_until(b'\n', &mut line).await.ok()?;
    (read > 0).then_some(line)
}

/// The mail up to the line with a dot; a dot that was doubled at a line's beginning is one again (RFC 5321, 4.5.2).
async fn data(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut mail = Vec::new();
    loop {
        let line = hear(stream).await?;
        if line == b".\r\n" {
            return Some(mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}
