//! Attempts in PostgreSQL: one row per key, counted by one function in one flight with its commit. It is the function that
//! may touch the rows, because routes of every login have limits.

use std::time::Duration;

use super::{Counted, Full};
use crate::database::{AccountsDb, Db, FromRow};
use crate::error::Result;

/// Counts the attempt, or says which rule stays full for longest.
pub(super) async fn take(db: &Db, rules: &[Counted]) -> Result<Option<Full>> {
    let keys: Vec<String> = rules.iter().map(|rule| rule.key.clone()).collect();
    let maxima: Vec<i64> = rules.iter().map(|rule| i64::from(rule.max)).collect();
    let windows: Vec<f64> = rules.iter().map(|rule| rule.window.as_secs_f64()).collect();
    let sql = "select wait, key from identity.take_attempts($1, $2, $3)";
    let tx = db.begin_anonymous().await?;
    let taken = tx.commit_with(async |tx| tx.one::<Taken>(sql, &[&keys, &maxima, &windows]).await);
    let Taken { wait, key } = Box::pin(taken).await?;
    let wait = wait.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
    Ok(wait.map(|wait| Full { key: key.unwrap_or_default(), wait }))
}

/// Forgets the attempts of a key.
pub(super) async fn forget(db: &AccountsDb, key: &str) -> Result<()> {
    let tx = db.begin_service().await?;
    Box::pin(tx.commit_with(async |tx| tx.execute("select identity.forget_attempts($1)", &[&key]).await))
        .await?;
    Ok(())
}

#[derive(FromRow)]
struct Taken {
    /// Seconds; null when the attempt was counted.
    wait: Option<f64>,
    /// Of the rule that is full.
    key: Option<String>,
}
