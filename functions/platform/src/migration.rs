//! Schema migrations: reversible, checked against what was applied, one transaction each.
//!
//! The SQL stands in `migrations/NNNN_name.up.sql` and `.down.sql` and is part of the program. What was applied
//! is kept in the table `platform.migrations`. An advisory lock lets one run at a time work. It is the transaction's, and
//! what is applied is read under it: so it is right behind a pooler too, which hands each transaction another connection,
//! and a run that dies leaves no lock behind.

mod files;

use std::{fmt, time::Instant};

pub use files::{Migration, Migrations};
use tokio_postgres::{
    Client, Row,
    error::{ErrorPosition, SqlState},
    types::Type,
};

/// The key of the advisory lock: any number that nothing else in the database uses ("praxis" in ASCII).
const LOCK: i64 = 0x7072_6178_6973;

/// A refused or failed migration run, in words for the person who runs it.
#[derive(Debug)]
pub struct MigrationError {
    message: String,
    cause: Option<tokio_postgres::Error>,
}

impl MigrationError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None }
    }

    /// The server's code, if it was the server that failed.
    pub(crate) fn code(&self) -> Option<&SqlState> {
        self.cause.as_ref()?.code()
    }
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for MigrationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

impl From<tokio_postgres::Error> for MigrationError {
    fn from(cause: tokio_postgres::Error) -> Self {
        let words = cause.as_db_error().map_or_else(|| cause.to_string(), |error| error.message().to_owned());
        Self { message: format!("the database failed: {words}"), cause: Some(cause) }
    }
}

/// What a run did with one migration.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// `NNNN_name`.
    pub label: String,
    /// How long it took, milliseconds.
    pub duration_ms: i64,
}

/// Where one migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Applied, and its text is the same as then.
    Applied,
    /// To be applied by [`up`].
    Pending,
    /// Applied, but its text was changed since.
    Changed,
    /// Applied, but not part of this program.
    Unknown,
}

/// One line of [`status`].
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// `NNNN_name`.
    pub label: String,
    /// Where it stands.
    pub state: State,
    /// When it was applied, RFC 3339 in UTC.
    pub applied_at: Option<String>,
}

/// Applies every pending migration of this program, in order.
///
/// # Errors
/// As [`Migrations::up`].
pub async fn up(client: &Client) -> Result<Vec<Done>, MigrationError> {
    Migrations::embedded()?.up(client).await
}

/// Reverts the last `count` applied migrations of this program, latest first.
///
/// # Errors
/// As [`Migrations::down`].
pub async fn down(client: &Client, count: usize) -> Result<Vec<Done>, MigrationError> {
    Migrations::embedded()?.down(client, count).await
}

/// Every migration of this program or of the database, in order of version.
///
/// # Errors
/// When the database fails.
pub async fn status(client: &Client) -> Result<Vec<Status>, MigrationError> {
    Migrations::embedded()?.status(client).await
}

/// Whether the database has exactly this program's migrations: one round trip, for a readiness check. A database
/// that a newer program migrated counts as current, so that the old version keeps serving during a deployment.
///
/// # Errors
/// When the database fails.
pub async fn is_current(client: &Client) -> Result<bool, MigrationError> {
    let statuses = status(client).await?;
    Ok(statuses.iter().all(|status| matches!(status.state, State::Applied | State::Unknown)))
}

struct Applied {
    version: i32,
    name: String,
    checksum: String,
    applied_at: String,
}

impl Applied {
    fn from_row(row: &Row) -> Self {
        Self { version: row.get(0), name: row.get(1), checksum: row.get(2), applied_at: row.get(3) }
    }

    fn label(&self) -> String {
        format!("{:04}_{}", self.version, self.name)
    }
}

impl Migrations {
    /// Applies every pending migration, in order. A run that starts meanwhile waits and then finds nothing to do.
    ///
    /// # Errors
    /// Before anything runs: an applied migration whose text changed, that this program does not know, or that
    /// comes after a pending one. Later: the first migration that fails, with file, line and the server's words;
    /// those before it stay applied.
    pub async fn up(&self, client: &Client) -> Result<Vec<Done>, MigrationError> {
        // Asked first: a role that may not create anything can still find that nothing is to do.
        let exists = client.query_typed("select to_regclass('platform.migrations') is not null", &[]).await?;
        if !exists.first().is_some_and(|row| row.get(0)) {
            let create = async {
                begin(client).await?;
                Ok(client.batch_execute(BOOKKEEPING).await?)
            };
            end(client, create.await).await?;
        }
        let mut done = Vec::new();
        while let Some(one) = self.next_up(client).await? {
            done.push(one);
        }
        Ok(done)
    }

    /// Applies the first pending migration, in a transaction of its own.
    async fn next_up(&self, client: &Client) -> Result<Option<Done>, MigrationError> {
        let step = async {
            begin(client).await?;
            let applied = self.checked(client).await?;
            let Some(migration) = self.list().get(applied.len()) else { return Ok(None) };
            let start = Instant::now();
            run(client, &migration.label(), "up", migration.up()).await?;
            let duration_ms = milliseconds(start);
            client
                .query_typed(
                    "insert into platform.migrations (version, name, checksum, duration_ms) values ($1, $2, $3, $4)",
                    &[
                        (&migration.version(), Type::INT4),
                        (&migration.name(), Type::TEXT),
                        (&migration.checksum(), Type::TEXT),
                        (&duration_ms, Type::INT8),
                    ],
                )
                .await?;
            Ok(Some(Done { label: migration.label(), duration_ms }))
        };
        end(client, step.await).await
    }

    /// Reverts the last `count` applied migrations, latest first.
    ///
    /// # Errors
    /// As [`Migrations::up`].
    pub async fn down(&self, client: &Client, count: usize) -> Result<Vec<Done>, MigrationError> {
        let mut done = Vec::new();
        while done.len() < count
            && let Some(one) = self.next_down(client).await?
        {
            done.push(one);
        }
        Ok(done)
    }

    /// Reverts the last applied migration, in a transaction of its own.
    async fn next_down(&self, client: &Client) -> Result<Option<Done>, MigrationError> {
        let step = async {
            begin(client).await?;
            let applied = self.checked(client).await?;
            let Some(migration) = self.list()[..applied.len()].last() else { return Ok(None) };
            let start = Instant::now();
            run(client, &migration.label(), "down", migration.down()).await?;
            let delete = "delete from platform.migrations where version = $1";
            client.query_typed(delete, &[(&migration.version(), Type::INT4)]).await?;
            Ok(Some(Done { label: migration.label(), duration_ms: milliseconds(start) }))
        };
        end(client, step.await).await
    }

    /// Every migration of this set or of the database, in order of version.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status(&self, client: &Client) -> Result<Vec<Status>, MigrationError> {
        let applied = applied(client).await?;
        let mut statuses = Vec::new();
        for migration in self.list() {
            let found = applied.iter().find(|row| row.version == migration.version());
            statuses.push(Status {
                label: migration.label(),
                state: match found {
                    None => State::Pending,
                    Some(row) if row.checksum == migration.checksum() => State::Applied,
                    Some(_) => State::Changed,
                },
                applied_at: found.map(|row| row.applied_at.clone()),
            });
        }
        let unknown = applied.iter().filter(|row| self.find(row.version).is_none());
        statuses.extend(unknown.map(|row| Status {
            label: row.label(),
            state: State::Unknown,
            applied_at: Some(row.applied_at.clone()),
        }));
        // Versions have a fixed width, so labels sort by them.
        statuses.sort_by(|one, other| one.label.cmp(&other.label));
        Ok(statuses)
    }

    /// What is applied, which must be an unchanged beginning of this set.
    async fn checked(&self, client: &Client) -> Result<Vec<Applied>, MigrationError> {
        let applied = applied(client).await?;
        for (index, row) in applied.iter().enumerate() {
            let Some(known) = self.find(row.version) else {
                return Err(MigrationError::new(format!(
                    "the database has migration {}, which this program does not know: it was migrated by a newer one",
                    row.label()
                )));
            };
            if known.checksum() != row.checksum {
                return Err(MigrationError::new(format!(
                    "migration {} was changed after it was applied: restore its text, and put the change into a new one",
                    known.label()
                )));
            }
            let expected = &self.list()[index];
            if expected.version() != row.version {
                return Err(MigrationError::new(format!(
                    "migration {} is not applied, though {} after it is: renumber it to come last",
                    expected.label(),
                    row.label()
                )));
            }
        }
        Ok(applied)
    }
}

const BOOKKEEPING: &str = "
    create schema if not exists platform;
    create table if not exists platform.migrations (
        version integer primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now(),
        duration_ms bigint not null
    );
    comment on table platform.migrations is 'Which files of migrations/ this database has; written by the migration engine.'";

async fn applied(client: &Client) -> Result<Vec<Applied>, MigrationError> {
    // Asked first, because a missing table would end the transaction that this may be part of.
    let exists = client.query_typed("select to_regclass('platform.migrations') is not null", &[]).await?;
    if !exists.first().is_some_and(|row| row.get(0)) {
        return Ok(Vec::new());
    }
    let rows = client
        .query_typed(
            "select version, name, checksum,
                    to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
               from platform.migrations
              order by version",
            &[],
        )
        .await?;
    Ok(rows.iter().map(Applied::from_row).collect())
}

/// Opens a transaction that no other run's is beside.
pub(crate) async fn begin(client: &Client) -> Result<(), MigrationError> {
    client.batch_execute("begin").await?;
    client.query_typed("select pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
    Ok(())
}

/// Runs a file.
async fn run(client: &Client, label: &str, direction: &str, text: &str) -> Result<(), MigrationError> {
    let Err(cause) = client.batch_execute(text).await else { return Ok(()) };
    let file = format!("migrations/{label}.{direction}.sql");
    let Some(error) = cause.as_db_error() else { return Err(cause.into()) };
    let place = match error.position() {
        Some(ErrorPosition::Original(position)) => {
            let (line, column) = files::line_and_column(text, *position);
            format!("{file}:{line}:{column}")
        }
        _ => file,
    };
    let detail = error.detail().map(|detail| format!(" ({detail})")).unwrap_or_default();
    let message = format!("{place}: {}{detail} [{}]", error.message(), error.code().code());
    Err(MigrationError { message, cause: Some(cause) })
}

/// Ends the transaction: what went well lasts, what failed is undone.
pub(crate) async fn end<T>(client: &Client, outcome: Result<T, MigrationError>) -> Result<T, MigrationError> {
    if outcome.is_ok() {
        client.batch_execute("commit").await?;
    } else {
        // The first error is the one to tell; a broken connection has rolled back by itself.
        let _ = client.batch_execute("rollback").await;
    }
    outcome
}

fn milliseconds(start: Instant) -> i64 {
    i64::try_from(start.elapsed().as_millis()).unwrap_or(i64::MAX)
}
