//! Migrate the database's schema, and make the logins of the other functions: run by hand, after each deployment.

use platform::login;
use platform::migration::{self, MigrationError, State};
use shared::database::{Login, LoginSecret};
use shared::error::{Code, Error};
use shared::prelude::*;

fn main() {
    serve(job(migrate).makes_schema())
}

text_enum! {
    /// Which way to go.
    enum Direction {
        Up = "up",
        Down = "down",
        Status = "status",
    }
}

/// `{"direction": "up"}`; `{}` is the same.
#[input]
struct Order {
    #[deserr(default = Direction::Up)]
    direction: Direction,
    /// How many to revert with `down`.
    #[default]
    steps: Int<1, 10_000, 1>,
}

/// The migrations that were applied or reverted, in that order; with `status` all of them.
#[answer]
struct Outcome {
    direction: Direction,
    migrations: Vec<Step>,
}

#[answer]
struct Step {
    /// `NNNN_name`.
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
}

async fn migrate(db: OwnerDb, Event(order): Event<Order>) -> Result<Outcome> {
    let connection = db.connection().await?;
    let done = |state: &'static str, done: Vec<migration::Done>| {
        let step = move |done: migration::Done| Step {
            name: done.label,
            state,
            applied_at: None,
            duration_ms: Some(done.duration_ms),
        };
        done.into_iter().map(step).collect()
    };
    let migrations = match order.direction {
        Direction::Up => {
            let applied = migration::up(&connection).await.map_err(refused)?;
            // Every time, because their secrets may have been rotated. They take roles that the first migrations make.
            login::keep(&connection, &logins().await?).await.map_err(refused)?;
            done("applied", applied)
        }
        Direction::Down => {
            let steps = usize::try_from(order.steps.get())?;
            done("pending", migration::down(&connection, steps).await.map_err(refused)?)
        }
        Direction::Status => {
            let known = migration::status(&connection).await.map_err(refused)?;
            let step = |status: migration::Status| Step {
                name: status.label,
                state: state_name(status.state),
                applied_at: status.applied_at,
                duration_ms: None,
            };
            known.into_iter().map(step).collect()
        }
    };
    Ok(Outcome { direction: order.direction, migrations })
}

/// The secrets of the logins to make; none where a database of a developer's own has one login for everything.
async fn logins() -> Result<Vec<(Login, LoginSecret)>> {
    let mut logins = Vec::new();
    if Login::Owner.secret().await?.is_some() {
        for login in [Login::Requests, Login::Accounts, Login::Jobs] {
            logins.extend(login.secret().await?.map(|secret| (login, secret)));
        }
    }
    Ok(logins)
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Applied => "applied",
        State::Pending => "pending",
        State::Changed => "changed",
        State::Unknown => "unknown",
    }
}

/// Whoever may invoke this function may read what is wrong with the schema.
fn refused(error: MigrationError) -> Error {
    Error::new(Code::InternalError, error.to_string()).because(error)
}
