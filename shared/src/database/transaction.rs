//! A transaction and its statements.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use uuid::Uuid;

use super::{Connection, Parameter};
use crate::error::{Error, Result, forbidden, internal, unauthorized, unavailable};
use crate::log::Stats;

/// A transaction, open from its first statement on. Dropping it without [`Tx::commit`] undoes it.
///
/// Statements that do not need each other's answers go out in one flight with `tokio::try_join!(biased; …)`. Without
/// `biased` the macro polls in turns: a later statement that fails only because an earlier one found nothing could then
/// be the one that answers.
pub struct Tx {
    connection: Arc<Connection>,
    stats: Arc<Stats>,
    role: Role,
    /// How long each statement may take.
    patience: Duration,
    is_open: AtomicBool,
    has_failed: AtomicBool,
    /// Whether `commit` is on its way.
    is_closing: AtomicBool,
}

/// Whose transaction it is, and by what they came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    /// Their id.
    pub(super) id: Uuid,
    /// The sign-in of this system.
    pub(super) sign_in: Option<Uuid>,
    /// When their token was made.
    pub(super) issued_at: Option<Timestamp>,
}

/// What a transaction may do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// What a person may, by what they came by.
    Request(Person),
    /// What anybody may.
    Nobody,
    /// Everybody's accounts.
    Account,
    /// What jobs do.
    Service,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Request(_) | Role::Nobody => "praxis_request",
            Role::Account => "praxis_account",
            Role::Service => "praxis_service",
        }
    }
}

/// How long a statement waits for a lock that another transaction holds; half of its own time at most.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server keeps a transaction whose function says nothing: its sandbox is frozen or gone. Longer than a job
/// works between two statements.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A row of an answer.
pub struct Row(tokio_postgres::Row);

/// A type that a row is read into, by column names: `#[derive(FromRow)]`, or `#[row]` for one that is answered.
pub trait FromRow: Sized {
    /// Reads the row; a missing column or a wrong type is a 500.
    fn from_row(row: &Row) -> Result<Self>;
}

impl Row {
    /// The value of the column `name`.
    pub fn get<T: FromSqlOwned>(&self, name: &str) -> Result<T> {
        Ok(self.0.try_get(name)?)
    }

    /// What serde reads in the `jsonb` column `name`; a null is what serde makes of one, for example `None`.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value: Option<serde_json::Value> = self.get(name)?;
        Ok(serde_json::from_value(value.unwrap_or_default())?)
    }

    /// What `reader` gives; for a field's `#[read(…)]`.
    pub fn read<T>(&self, reader: impl FnOnce(&Row) -> Result<T>) -> Result<T> {
        reader(self)
    }
}

impl Tx {
    pub(super) fn new(connection: Arc<Connection>, stats: Arc<Stats>, role: Role, patience: Duration) -> Tx {
        Tx {
            connection,
            stats,
            role,
            patience,
            is_open: AtomicBool::new(false),
            has_failed: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        }
    }

    /// Whether it is a person's, who may do less than the service.
    pub(crate) fn is_of_request(&self) -> bool {
        matches!(self.role, Role::Request(_) | Role::Nobody)
    }

    /// All rows of a statement.
    pub async fn list<T: FromRow>(&self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Vec<T>> {
        self.rows(sql, parameters).await?.iter().map(T::from_row).collect()
    }

    /// The first row of a statement, if there is one.
    pub async fn find<T: FromRow>(&self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Option<T>> {
        self.rows(sql, parameters).await?.first().map(T::from_row).transpose()
    }

    /// One page of a list with the number of all that match, from a statement of the shape
    /// `select * from counted left join page on true`: its column `total` is in every row, and where the page is empty
    /// the one row has a null in the column `key`.
    pub async fn page<T: FromRow>(
        &self,
        key: &str,
        sql: &str,
        parameters: &[&dyn Parameter],
    ) -> Result<(i64, Vec<T>)> {
        let rows = self.rows(sql, parameters).await?;
        let total = rows.first().map_or(Ok(0), |row| row.get("total"))?;
        let mut items = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.get::<Option<Uuid>>(key)?.is_some() {
                items.push(T::from_row(row)?);
            }
        }
        Ok((total, items))
    }

    /// The row of a statement that always gives one; a 500 if it does not.
    pub async fn one<T: FromRow>(&self, sql: &str, parameters: &[&dyn Parameter]) -> Result<T> {
        self.find(sql, parameters).await?.ok_or_else(|| internal("a statement gave no row"))
    }

    /// Runs a statement whose rows do not matter, and gives their number.
    pub async fn execute(&self, sql: &str, parameters: &[&dyn Parameter]) -> Result<u64> {
        let typed = typed(parameters);
        self.run(Box::pin(self.connection.execute_typed(sql, &typed))).await
    }

    /// The transaction's last statements, with `commit` right behind them in the same flight. For statements that need
    /// no look at their answers before they may last: a failed one undoes all, and one that changed nothing commits
    /// nothing. They must leave at once: a statement after the answer of another is an error, although the
    /// first then lasts.
    pub async fn commit_with<T>(self, last: impl AsyncFnOnce(&Tx) -> Result<T>) -> Result<T> {
        let commit = async {
            self.is_closing.store(true, Ordering::Relaxed);
            self.stats.database(self.connection.batch_execute("commit")).await
        };
        // Polled in this order: the statements are sent first.
        let (outcome, committed) = futures_util::future::join(Box::pin(last(&self)), commit).await;
        let outcome = outcome?;
        committed.map_err(failed)?;
        self.connection.in_transaction.store(false, Ordering::Relaxed);
        Ok(outcome)
    }

    /// Makes the transaction's writes last. One round trip.
    pub async fn commit(self) -> Result<()> {
        if self.has_failed.load(Ordering::Relaxed) {
            // PostgreSQL would answer `commit` with a silent rollback.
            return Err(internal("commit of a transaction whose statement failed"));
        }
        if !self.is_open.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.stats.database(self.connection.batch_execute("commit")).await.map_err(failed)?;
        self.connection.in_transaction.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// The rows of a statement as they come.
    async fn rows(&self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Vec<Row>> {
        let typed = typed(parameters);
        let rows = self.run(Box::pin(self.connection.query_typed(sql, &typed))).await?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// Awaits a statement; the first one of the transaction takes the opening along in the same flight.
    async fn run<T>(&self, statement: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T> {
        if self.is_closing.load(Ordering::Relaxed) {
            return Err(internal("a statement after the commit"));
        }
        let outcome = if self.is_open.swap(true, Ordering::Relaxed) {
            self.stats.database(statement).await
        } else {
            // Futures are polled in this order, and each sends its messages when it is first polled.
            let (opened, outcome) =
                self.stats.database(async { futures_util::future::join(self.open(), statement).await }).await;
            match opened {
                Err(cause) if lacks_the_schema(&cause) => {
                    self.has_failed.store(true, Ordering::Relaxed);
                    return Err(unavailable("the database is not migrated yet", 60).because(cause));
                }
                opened => opened.and(outcome),
            }
        };
        outcome.map_err(|cause| {
            self.has_failed.store(true, Ordering::Relaxed);
            failed(cause)
        })
    }

    /// `begin`, the timeouts, the role, and the claims that policies read; all `local`, so that they end with the
    /// transaction and a pooler may hand the connection to somebody else. What the function gives up, the server then does
    /// too, a moment later.
    async fn open(&self) -> Result<(), tokio_postgres::Error> {
        // An earlier transaction of this invocation may have been dropped half-way.
        let was_open = self.connection.in_transaction.swap(true, Ordering::Relaxed);
        let begin = format!(
            "{}begin; set local statement_timeout = {}; set local lock_timeout = {}; \
             set local idle_in_transaction_session_timeout = {}; set local role {}",
            if was_open { "rollback; " } else { "" },
            // Zero would mean no end at all.
            self.patience.as_millis().max(1),
            LOCK_TIMEOUT.min(self.patience / 2).as_millis().max(1),
            IDLE_TIMEOUT.as_millis(),
            self.role.name(),
        );
        let Role::Request(Person { id, sign_in, issued_at }) = self.role else {
            return self.connection.batch_execute(&begin).await;
        };
        // Sets the claims, and refuses somebody who was deactivated, whose sign-in has ended, or who was erased since.
        let claims = "select identity.open_request($1, $2, $3)";
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&id, Type::UUID), (&sign_in, Type::UUID), (&issued_at, Type::TIMESTAMPTZ)];
        let (opened, claimed) = futures_util::future::join(
            self.connection.batch_execute(&begin),
            self.connection.query_typed(claims, &parameters),
        )
        .await;
        opened.and(claimed.map(drop))
    }
}

/// Whether the opening failed for want of the roles or of `identity.open_request`, which the first migrations make.
fn lacks_the_schema(cause: &tokio_postgres::Error) -> bool {
    let codes =
        [&SqlState::INVALID_PARAMETER_VALUE, &SqlState::INVALID_SCHEMA_NAME, &SqlState::UNDEFINED_FUNCTION];
    cause.code().is_some_and(|code| codes.contains(&code))
}

/// The parameters with their types, as tokio-postgres takes them.
fn typed<'a>(parameters: &[&'a dyn Parameter]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().map(|parameter| (parameter.value(), parameter.sql_type())).collect()
}

/// Somebody whose sign-in has ended gets a 401, somebody who was deactivated a 403. A lost connection, a server that shuts
/// down or is full, and a statement or a lock that took too long are 503; the rest is a 500.
#[track_caller]
fn failed(cause: tokio_postgres::Error) -> Error {
    match cause.code().map(SqlState::code) {
        // Raised by `identity.open_request`.
        Some("PX401") => return unauthorized("invalid or expired access token").by_rule("ended_sign_in"),
        Some("PX403") => return forbidden("the account is deactivated").by_rule("deactivated"),
        // Cancelled at its timeout, waited too long for a lock, or in a circle.
        Some("57014" | "55P03" | "40P01") => {
            return unavailable("the database took too long", 1).because(cause);
        }
        _ => {}
    }
    let is_passing = cause.is_closed()
        || cause.code().is_some_and(|code| {
            [
                &SqlState::ADMIN_SHUTDOWN,
                &SqlState::CRASH_SHUTDOWN,
                &SqlState::CANNOT_CONNECT_NOW,
                &SqlState::TOO_MANY_CONNECTIONS,
                &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            ]
            .contains(&code)
        })
        || std::error::Error::source(&cause).is_some_and(|source| source.is::<std::io::Error>());
    if is_passing { unavailable("database unavailable", 1).because(cause) } else { internal(cause) }
}

/// Turns the violation of a named constraint into the caller's error, right at the statement.
pub trait OnConstraint<T> {
    /// If `constraint` was violated, the error is `error()`.
    fn on_constraint(self, constraint: &str, error: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> OnConstraint<T> for Result<T> {
    fn on_constraint(self, constraint: &str, error: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|failure| {
            let violated = failure
                .cause_as::<tokio_postgres::Error>()
                .and_then(tokio_postgres::Error::as_db_error)
                .and_then(|cause| cause.constraint())
                .is_some_and(|name| name == constraint);
            if violated { error() } else { failure }
        })
    }
}
