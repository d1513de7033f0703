//! Say whether the API can serve: the database is reachable and has this program's migrations.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use platform::migration::Migrations;
use shared::error::Error;
use shared::prelude::*;
use tokio_postgres::error::SqlState;

fn main() {
    serve(get("/ready", show).or(503, "Migrations are pending"))
}

/// The API can serve.
#[answer]
struct Readiness {
    /// Always `ready`.
    status: &'static str,
}

#[derive(FromRow)]
struct Applied {
    version: i32,
    checksum: String,
}

/// What a look at the database found.
#[derive(Clone, Copy)]
enum Found {
    Ready,
    Pending,
    Unreachable,
}

/// Anybody may ask, as often as they like: beyond so many looks a second the answer is what the last one found.
const LOOKS: u32 = 3;
const A_SECOND: Duration = Duration::from_secs(1);

/// When the second began, its looks, and what the last one found.
static SEEN: Mutex<Option<(Instant, u32, Found)>> = Mutex::new(None);

async fn show(db: Db) -> Result<Json<Readiness>> {
    let (began, looks) = match *SEEN.lock().unwrap_or_else(PoisonError::into_inner) {
        Some((began, looks, found)) if began.elapsed() < A_SECOND => match looks {
            LOOKS.. => return answer(found),
            _ => (began, looks + 1),
        },
        _ => (Instant::now(), 1),
    };
    let (found, failure) = look(&db).await?;
    *SEEN.lock().unwrap_or_else(PoisonError::into_inner) = Some((began, looks, found));
    answer(found).map_err(|error| match failure {
        Some(failure) => error.because(failure.cause().unwrap_or_default()),
        None => error,
    })
}

/// The public hears nothing else.
fn answer(found: Found) -> Result<Json<Readiness>> {
    match found {
        Found::Ready => Ok(Json(Readiness { status: "ready" })),
        Found::Pending => Err(unavailable("migrations pending", 5)),
        Found::Unreachable => Err(unavailable("database unavailable", 5)),
    }
}

async fn look(db: &Db) -> Result<(Found, Option<Error>)> {
    let applied = match applied(db).await {
        Ok(applied) => applied,
        Err(failure) => return Ok((not_ready(&failure), Some(failure))),
    };
    // What a newer program has added does not matter, so that the old one serves on during a deployment.
    let is_current = Migrations::embedded()?.list().iter().all(|migration| {
        applied.iter().any(|row| row.version == migration.version() && row.checksum == migration.checksum())
    });
    Ok((if is_current { Found::Ready } else { Found::Pending }, None))
}

async fn applied(db: &Db) -> Result<Vec<Applied>> {
    db.begin_anonymous().await?.list("select version, checksum from platform.migrations", &[]).await
}

/// Before the first migration there is no role, no schema or no right to see it.
fn not_ready(failure: &Error) -> Found {
    let code = failure.cause_as::<tokio_postgres::Error>().and_then(tokio_postgres::Error::code);
    let is_unmigrated = code.is_some_and(|code| {
        [
            &SqlState::INVALID_PARAMETER_VALUE,
            &SqlState::INSUFFICIENT_PRIVILEGE,
            &SqlState::INVALID_SCHEMA_NAME,
            &SqlState::UNDEFINED_TABLE,
        ]
        .contains(&code)
    });
    if is_unmigrated { Found::Pending } else { Found::Unreachable }
}
