//! Opening and closing connections.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client};
use tracing::{Instrument, Span};

use super::target::{self, Target};
use crate::error::{Error, Result, unavailable};
use crate::log::Stats;

/// How long a connection may take to open. Below every function's timeout, so that the caller gets an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// An open connection; derefs to the client.
pub struct Connection {
    /// `None` after [`Connection::close`].
    client: Option<Held>,
    /// Whether a transaction was begun and not committed.
    pub(super) in_transaction: AtomicBool,
}

enum Held {
    /// Of this invocation alone; the task speaks the protocol.
    Own(Client, JoinHandle<()>),
    /// Kept by the sandbox (`DATABASE_CONNECTION=reuse`).
    Kept(Object),
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        match &self.client {
            Some(Held::Own(client, _)) => client,
            Some(Held::Kept(object)) => object,
            None => unreachable!("only `close`, which takes the connection, leaves none"),
        }
    }
}

impl Connection {
    /// Says goodbye and waits until it is sent: the sandbox freezes right after the answer, and a server that did not
    /// hear of it would keep the session. A kept connection goes back without an open transaction.
    pub async fn close(mut self) {
        let in_transaction = *self.in_transaction.get_mut();
        match self.client.take() {
            Some(Held::Own(client, task)) => {
                // A read ends by saying goodbye, which ends its transaction too. A pooler has to close its own connection
                // then, and would keep none; so it is told before.
                if in_transaction && target::is_pooler() {
                    let rollback = client.batch_execute("rollback");
                    let _ = tokio::time::timeout(Duration::from_secs(1), rollback).await;
                }
                drop(client);
                // A server that is gone may never take the goodbye; the answer does not wait for it for long.
                let _ = tokio::time::timeout(Duration::from_secs(1), task).await;
            }
            Some(Held::Kept(object)) => {
                if !in_transaction {
                    return;
                }
                // One that is still busy with a statement nobody waits for is no use to the next invocation either.
                let rollback = tokio::time::timeout(Duration::from_secs(1), object.batch_execute("rollback"));
                if !matches!(rollback.await, Ok(Ok(()))) {
                    drop(Object::take(object));
                }
            }
            None => {}
        }
    }
}

/// Whoever drops a connection without closing it may have left a transaction open. A kept one would come back with it, and
/// the next person's statements would join it: so it does not go back.
impl Drop for Connection {
    fn drop(&mut self) {
        if *self.in_transaction.get_mut()
            && let Some(Held::Kept(object)) = self.client.take()
        {
            drop(Object::take(object));
        }
    }
}

/// A connection, new or kept; its time counts as the database's.
pub(super) async fn open(stats: Arc<Stats>) -> Result<Connection> {
    let started = Instant::now();
    let connection = match tokio::time::timeout(CONNECT_TIMEOUT, open_untimed()).await {
        Ok(opened) => opened,
        Err(_) => Err(unavailable("database unavailable", 1).because("connecting took too long")),
    };
    stats.add_database_time(started.elapsed());
    connection
}

async fn open_untimed() -> Result<Connection> {
    let target = target::get().await?;
    let mut refusal = match connect(&target).await {
        Err(cause) if is_wrong_password(&cause) => cause,
        other => return other.map_err(unreachable),
    };
    for target in target::instead_of(&target).await? {
        match connect(&target).await {
            Err(cause) if is_wrong_password(&cause) => refusal = cause,
            Err(cause) => return Err(unreachable(cause)),
            Ok(connection) => {
                target::keep(target).await;
                return Ok(connection);
            }
        }
    }
    Err(unreachable(refusal))
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

async fn connect(target: &Target) -> Result<Connection, Cause> {
    let client = if let Some(pool) = &target.pool {
        Held::Kept(pool.get().await?)
    } else {
        let (client, connection) = target.config.connect(target.tls.clone()).await?;
        Held::Own(client, tokio::spawn(speak(connection).instrument(Span::current())))
    };
    Ok(Connection { client: Some(client), in_transaction: AtomicBool::new(false) })
}

/// Speaks the protocol until the client is dropped and the goodbye is sent. What the server warns of is logged: statements of
/// ours say so what they had to put up with.
async fn speak<S, T>(mut connection: tokio_postgres::Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message
            && notice.severity() == "WARNING"
        {
            tracing::warn!(warning = notice.message(), "the database server warns");
        }
    }
}

fn unreachable(cause: Cause) -> Error {
    unavailable("database unavailable", 1).because(cause)
}

fn is_wrong_password(cause: &Cause) -> bool {
    use tokio_postgres::error::SqlState;
    // A pool wraps what the server said.
    let causes =
        std::iter::successors(Some(&**cause as &(dyn std::error::Error + 'static)), |cause| cause.source());
    let mut codes = causes.filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()?.code());
    codes.any(|code| *code == SqlState::INVALID_PASSWORD)
}
