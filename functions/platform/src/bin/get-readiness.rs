//! Say whether the API can serve: the database is reachable and has this program's migrations.

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

async fn show(db: Db) -> Result<Json<Readiness>> {
    let applied = applied(&db).await.map_err(not_ready)?;
    // What a newer program has added does not matter, so that the old one serves on during a deployment.
    let is_current = Migrations::embedded()?.list().iter().all(|migration| {
        applied.iter().any(|row| row.version == migration.version() && row.checksum == migration.checksum())
    });
    if is_current {
        Ok(Json(Readiness { status: "ready" }))
    } else {
        Err(unavailable("migrations pending", 5))
    }
}

async fn applied(db: &Db) -> Result<Vec<Applied>> {
    db.begin_service().await?.list("select version, checksum from platform.migrations", &[]).await
}

/// Before the first migration there is no role, no schema or no right to see it. The public hears nothing else.
fn not_ready(failure: Error) -> Error {
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
    let message = if is_unmigrated { "migrations pending" } else { "database unavailable" };
    unavailable(message, 5).because(failure.cause().unwrap_or_default())
}
