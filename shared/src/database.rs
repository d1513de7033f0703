//! PostgreSQL without a pool: a connection for an invocation that needs one, closed before the answer is handed back.
//!
//! A handler says by its parameter as which login it connects, and so what it may do at most ([`Login`]):
//!
//! | parameter | transactions | login |
//! |---|---|---|
//! | [`Db`] | [`Db::begin`]: as the caller, under row-level security | of requests |
//! | [`AccountsDb`] | also [`AccountsDb::begin_service`]: everybody's accounts, for sign-in and administration | of accounts |
//! | [`JobsDb`] | [`JobsDb::begin_service`]: across people, for jobs | of jobs |
//! | [`OwnerDb`] | none: the owner's connection, for the job `migrate` | the owner |
//!
//! There is no other way to a statement. Statements are typed and unnamed: one round trip each, nothing prepared, safe
//! behind a transaction-mode pooler. Opening a transaction is pipelined with its first statement, and says how long its
//! statements may take.

mod connect;
mod from_request;
mod login;
mod parameter;
mod target;
mod transaction;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::JoinHandle;

pub use connect::Connection;
pub use login::{AccountsDb, JobsDb, Login, LoginSecret, OwnerDb};
pub use parameter::{Parameter, SqlType};
pub use shared_macros::FromRow;
pub use transaction::{FromRow, OnConstraint, Row, Tx};
use transaction::{Person, Role};

use crate::auth::User;
use crate::error::{Result, internal};
use crate::log::Stats;

/// The database of one invocation. As a handler's parameter it goes first: connecting then overlaps with verifying
/// the caller.
#[derive(Clone)]
pub struct Db {
    slot: Arc<Mutex<Slot>>,
    stats: Arc<Stats>,
    /// When the invocation must be over.
    deadline: Instant,
    /// How long a statement may take even if more time is left.
    longest: Duration,
}

/// How long a statement of a request may take: the caller waits, and so does whoever comes after.
pub(crate) const LONGEST_OF_REQUEST: Duration = Duration::from_secs(10);

#[derive(Default)]
enum Slot {
    #[default]
    Empty,
    Connecting(JoinHandle<Result<Connection>>),
    Open(Arc<Connection>),
}

impl Db {
    /// A database that has not been asked for yet, of an invocation that must be over at `deadline`; no statement takes
    /// longer than `longest`, nor beyond the deadline as it is when its transaction begins.
    pub(crate) fn new(stats: Arc<Stats>, deadline: Instant, longest: Duration) -> Db {
        Db { slot: Arc::default(), stats, deadline, longest }
    }

    /// Opens a transaction as `user`: role `praxis_request`, with the caller's id that row-level security reads. Nothing is
    /// sent before the first statement.
    pub async fn begin(&self, user: &User) -> Result<Tx> {
        let person = Person { id: user.id, sign_in: user.sign_in, issued_at: user.issued_at };
        self.begin_as(Role::Request(person)).await
    }

    /// Opens a transaction of nobody, as role `praxis_request`: it sees no person's row, and what anybody may ask.
    pub async fn begin_anonymous(&self) -> Result<Tx> {
        self.begin_as(Role::Nobody).await
    }

    async fn begin_as(&self, role: Role) -> Result<Tx> {
        Ok(Tx::new(self.connection().await?, self.stats.clone(), role, self.patience()))
    }

    /// How long a statement may take: less than what is left, so that the function can still say that it took too long.
    fn patience(&self) -> Duration {
        (self.deadline.saturating_duration_since(Instant::now()) * 9 / 10).min(self.longest)
    }

    /// Whether the database has its schema. Between a deployment and its first migration it has none.
    pub(crate) async fn is_migrated(&self) -> Result<bool> {
        let sql = "select exists (select from pg_catalog.pg_class as c
                                  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
                                  where n.nspname = 'platform' and c.relname = 'migrations') as is_migrated";
        // On a connection of its own: the invocation's may be in a transaction that failed.
        let connection = connect::open(self.stats.clone()).await?;
        let found = self.stats.database(connection.query_typed(sql, &[])).await;
        connection.close().await;
        let row = found?.into_iter().next().ok_or_else(|| internal("a statement gave no row"))?;
        Ok(row.try_get("is_migrated")?)
    }

    /// Closes the connection, so that none is held while a model or another outside service is called; the next
    /// transaction opens one again.
    pub async fn release(&self) {
        let slot = std::mem::take(&mut *self.slot.lock().await);
        match slot {
            Slot::Empty => {}
            // Still connecting: nothing was sent that matters, and dropping the socket tells the server.
            Slot::Connecting(task) => task.abort(),
            Slot::Open(connection) => {
                // Where a transaction outlives the invocation, the connection ends with that: see its `drop`.
                if let Some(connection) = Arc::into_inner(connection) {
                    connection.close().await;
                }
            }
        }
    }

    /// Starts connecting in the background.
    async fn prepare(&self) {
        let mut slot = self.slot.lock().await;
        if matches!(*slot, Slot::Empty) {
            *slot = Slot::Connecting(tokio::spawn(connect::open(self.stats.clone())));
        }
    }

    async fn connection(&self) -> Result<Arc<Connection>> {
        let mut slot = self.slot.lock().await;
        let connection = match std::mem::take(&mut *slot) {
            Slot::Open(connection) => connection,
            Slot::Connecting(task) => Arc::new(task.await.map_err(internal)??),
            Slot::Empty => Arc::new(connect::open(self.stats.clone()).await?),
        };
        *slot = Slot::Open(connection.clone());
        Ok(connection)
    }
}
