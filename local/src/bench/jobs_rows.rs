//! The rows of jobs, made by the server itself.

use anyhow::{Context, Result};

use super::database::Database;

/// What all of them do.
pub(super) const KIND: &str = "account.export";
/// Jobs that wait beside those that are done, of a person each.
pub(super) const WAITING: usize = 1_000;

/// Whose job follows whose.
#[derive(Clone, Copy)]
pub(super) enum Order {
    /// Each is another person's than the one before.
    InTurn,
    /// All of a person, then all of the next one.
    InARow,
}

impl Order {
    /// In a database's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InTurn => "in_turn",
            Self::InARow => "in_a_row",
        }
    }

    /// In a table.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::InTurn => "in turn",
            Self::InARow => "each all in a row",
        }
    }
}

/// So many people, and in SQL the id of one by number.
fn people(count: usize) -> String {
    format!(
        "insert into identity.users (id, email, display_name, locale, timezone)
         select {person}, 'x@mock.local', 'X', 'en', 'UTC' from generate_series(0, {count} - 1) n;",
        person = person("n")
    )
}

fn person(number: &str) -> String {
    format!("('b0000000-0000-7000-8000-' || lpad(({number})::text, 12, '0'))::uuid")
}

/// Fills an empty database with `jobs` that are due, of `persons`.
///
/// # Errors
/// When the server refuses.
pub(super) async fn fill_waiting(
    database: &Database,
    jobs: usize,
    persons: usize,
    order: Order,
) -> Result<()> {
    let number = match order {
        Order::InTurn => format!("n % {persons}"),
        Order::InARow => format!("n * {persons} / {jobs}"),
    };
    let script = format!(
        "-- Rows that refer to each other by construction need no check of each.
         set session_replication_role = replica;
         {people} {waiting}",
        people = people(persons),
        waiting = waiting(jobs, &number),
    );
    run(database, &script).await
}

/// Fills an empty database with `finished` jobs of the last month, and some that are due.
///
/// # Errors
/// When the server refuses.
pub(super) async fn fill_finished(database: &Database, finished: usize) -> Result<()> {
    let script = format!(
        "set session_replication_role = replica;
         {people}
         insert into platform.jobs (id, user_id, kind, state, attempts, result, queued_at, run_after, started_at, finished_at)
         select uuidv7(at - now()), {person}, '{KIND}', 'succeeded', 1, '{{}}', at, at, at, at
         from generate_series(1, {finished}) n, lateral (select now() - interval '30 days' * (1 - n / {finished}.0) as at) t;
         {waiting}",
        people = people(WAITING),
        person = person(&format!("n % {WAITING}")),
        waiting = waiting(WAITING, "n"),
    );
    run(database, &script).await
}

fn waiting(jobs: usize, number: &str) -> String {
    format!(
        "insert into platform.jobs (id, user_id, kind, queued_at, run_after)
         select uuidv7(), {person}, '{KIND}', at, at
         from generate_series(0, {jobs} - 1) n, lateral (select now() - interval '1 hour' + interval '1 ms' * n as at) t;",
        person = person(number),
    )
}

async fn run(database: &Database, script: &str) -> Result<()> {
    let superuser = database.superuser().await?;
    superuser.batch_execute(script).await.context("cannot make the jobs")?;
    // As a server in use does by itself.
    superuser.batch_execute("vacuum (analyze)").await.context("cannot vacuum the database")
}
