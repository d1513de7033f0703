//! Attempts in PostgreSQL: one row per key, both statements and their commit in one flight.

use std::time::Duration;

use super::{Counted, Full};
use crate::database::{Db, FromRow, Tx};
use crate::error::Result;

/// Counts the attempt, or says which rule stays full for longest.
pub(super) async fn take(db: &Db, rules: &[Counted]) -> Result<Option<Full>> {
    let keys: Vec<String> = rules.iter().map(|rule| rule.key.clone()).collect();
    let maxima: Vec<i64> = rules.iter().map(|rule| i64::from(rule.max)).collect();
    let windows: Vec<f64> = rules.iter().map(|rule| rule.window.as_secs_f64()).collect();
    let tx = db.begin_service().await?;
    let taken = tx.commit_with(async |tx| {
        let ((), taken) = tokio::try_join!(biased; lock(tx, &keys), count(tx, &keys, &maxima, &windows))?;
        Ok(taken)
    });
    let Taken { wait, key } = Box::pin(taken).await?;
    let wait = wait.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
    Ok(wait.map(|wait| Full { key: key.unwrap_or_default(), wait }))
}

/// Forgets the attempts of a key.
pub(super) async fn forget(db: &Db, key: &str) -> Result<()> {
    let tx = db.begin_service().await?;
    let sql = "delete from identity.rate_limits where key = $1";
    Box::pin(tx.commit_with(async |tx| tx.execute(sql, &[&key]).await)).await?;
    Ok(())
}

/// Locks the row of every key, and makes it where there is none. All lock in the order of the keys, so that nobody
/// waits in a circle. `do update` locks also the row that `where false` then leaves as it is.
async fn lock(tx: &Tx, keys: &Vec<String>) -> Result<()> {
    tx.execute(
        "insert into identity.rate_limits (key, hits, expires_at)
         select key, '{}', now() from unnest($1::text[]) as key order by key
         on conflict (key) do update set key = excluded.key where false",
        &[keys],
    )
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

/// A statement of its own: it starts when the locks are held, and so sees what others counted before. The moment is
/// taken then too, not when the transaction began.
async fn count(tx: &Tx, keys: &Vec<String>, maxima: &Vec<i64>, windows: &Vec<f64>) -> Result<Taken> {
    tx.one(
        "with clock as materialized (select clock_timestamp() as moment),
         recent as (
             select key, max, period,
                    array(select hit from unnest(hits) as hit where hit > moment - period order by hit) as hits
             from clock,
                  unnest($1::text[], $2::bigint[], $3::float8[]) as rule (key, max, seconds)
                  join identity.rate_limits using (key),
                  make_interval(secs => seconds) as period
         ),
         filled as (
             select key, extract(epoch from coalesce(hits[cardinality(hits) - max + 1], moment) + period - moment)
                         ::float8 as wait
             from clock, recent
             where cardinality(hits) >= max
         ),
         blocked as (select max(wait) as wait, (array_agg(key order by wait desc))[1] as key from filled),
         counted as (
             update identity.rate_limits as stored
             set hits = recent.hits || moment, expires_at = moment + period
             from clock, recent, blocked
             where stored.key = recent.key and wait is null
         )
         select wait, key from blocked",
        &[keys, maxima, windows],
    )
    .await
}
