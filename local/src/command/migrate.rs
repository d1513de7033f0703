//! `cargo local migrate`.

use anyhow::Result;
use local::{
    postgres::{Postgres, connect},
    problem::problem,
};
use platform::migration::{self, Done, MigrationError, State};

use super::{Direction, print};

pub(super) async fn run(direction: Direction) -> Result<()> {
    let postgres = Postgres::open(false).await?;
    let result = migrate(&postgres, direction).await;
    postgres.stop().await;
    result
}

async fn migrate(postgres: &Postgres, direction: Direction) -> Result<()> {
    let client = connect(postgres.url()).await?;
    match direction {
        Direction::Up => print_done(postgres.migrate().await?, "applied", "nothing is pending"),
        Direction::Down { count } => {
            print_done(migration::down(&client, count).await, "reverted", "nothing is applied")
        }
        Direction::Status => {
            for status in migration::status(&client).await? {
                let state = match status.state {
                    State::Applied => "applied",
                    State::Pending => "pending",
                    State::Changed => "CHANGED since it was applied",
                    State::Unknown => "UNKNOWN to this program",
                };
                print(&format!("{}  {state}  {}", status.label, status.applied_at.unwrap_or_default()));
            }
            Ok(())
        }
    }
}

/// Applies what is pending; `up` runs it at every start.
pub(super) async fn up(postgres: &Postgres) -> Result<Vec<Done>> {
    postgres.migrate().await?.map_err(explained)
}

fn print_done(result: Result<Vec<Done>, MigrationError>, verb: &str, nothing: &str) -> Result<()> {
    let done = result.map_err(explained)?;
    for done in &done {
        print(&format!("{verb} {} in {} ms", done.label, done.duration_ms));
    }
    if done.is_empty() {
        print(nothing);
    }
    Ok(())
}

/// Without the chain of causes: the message already has the server's words.
fn explained(error: MigrationError) -> anyhow::Error {
    problem(error.to_string(), "`cargo local migrate status` shows where the database stands")
}
