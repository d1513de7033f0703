//! Attempts in PostgreSQL: one row per key, counted by one function in one flight with its commit. It is the function that
//! may touch the rows, because routes of every login have limits.

use std::time::Duration;

use super::{Count, Counted, Full, Taken};
use crate::database::{AccountsDb, Db, FromRow};
use crate::error::Result;

/// Counts the attempt, or says which rule stays full for longest.
pub(super) async fn take(db: &Db, rules: &[Counted]) -> Result<Option<Full>> {
    let Arrays { keys, maxima, windows } = Arrays::of(rules);
    let sql = "select wait, key from identity.take_attempts($1, $2, $3)";
    let tx = db.begin_anonymous().await?;
    let taken = tx.commit_with(async |tx| tx.one::<Refused>(sql, &[&keys, &maxima, &windows]).await);
    let Refused { wait, key } = Box::pin(taken).await?;
    Ok(wait.map(|wait| Full { key: key.unwrap_or_default(), wait: seconds(wait) }))
}

/// The same, with the counts.
pub(super) async fn take_told(db: &Db, rules: &[Counted]) -> Result<Taken> {
    let Arrays { keys, maxima, windows } = Arrays::of(rules);
    let sql = "select attempts, wait, is_full from unnest($1::text[]) with ordinality as rule (key, place)
               join identity.count_attempts($1, $2, $3) as counted using (key) order by place";
    let tx = db.begin_anonymous().await?;
    let taken = tx.commit_with(async |tx| tx.list::<Row>(sql, &[&keys, &maxima, &windows]).await);
    let rows = Box::pin(taken).await?;
    let full = rules.iter().zip(&rows).filter(|(_, row)| row.is_full);
    let full = full.max_by(|(_, one), (_, other)| one.wait.total_cmp(&other.wait));
    let full = full.map(|(rule, row)| Full { key: rule.key.clone(), wait: seconds(row.wait) });
    let counts = rows.iter().map(|row| Count {
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        wait: seconds(row.wait),
    });
    Ok(Taken { full, counts: counts.collect() })
}

/// The rules as the functions take them.
struct Arrays {
    keys: Vec<String>,
    maxima: Vec<i64>,
    windows: Vec<f64>,
}

impl Arrays {
    fn of(rules: &[Counted]) -> Arrays {
        Arrays {
            keys: rules.iter().map(|rule| rule.key.clone()).collect(),
            maxima: rules.iter().map(|rule| i64::from(rule.max)).collect(),
            windows: rules.iter().map(|rule| rule.window.as_secs_f64()).collect(),
        }
    }
}

fn seconds(wait: f64) -> Duration {
    Duration::try_from_secs_f64(wait).unwrap_or_default()
}

/// Forgets the attempts of a key.
pub(super) async fn forget(db: &AccountsDb, key: &str) -> Result<()> {
    let tx = db.begin_service().await?;
    Box::pin(tx.commit_with(async |tx| tx.execute("select identity.forget_attempts($1)", &[&key]).await))
        .await?;
    Ok(())
}

#[derive(FromRow)]
struct Refused {
    /// Seconds; null when the attempt was counted.
    wait: Option<f64>,
    /// Of the rule that is full.
    key: Option<String>,
}

#[derive(FromRow)]
struct Row {
    attempts: i64,
    /// Seconds.
    wait: f64,
    is_full: bool,
}
