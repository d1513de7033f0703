//! Delete sign-ins, tokens, counters, archives and messages that nobody can use any more: every hour.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use account::expiry;
use shared::prelude::*;

/// When the job begins no further batch: the function has five minutes. What is left goes an hour later.
const LAST_START: Duration = Duration::from_secs(240);
/// Rows per transaction, so that none holds its locks for long.
const BATCH: i64 = 2000;

fn main() {
    serve(job(purge))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

async fn purge(db: Db, Event(Schedule {}): Event<Schedule>) -> Result<BTreeMap<&'static str, u64>> {
    let (started, mut counts) = (Instant::now(), BTreeMap::new());
    for kind in &expiry::KINDS {
        let count: &mut u64 = counts.entry(kind.table).or_default();
        while started.elapsed() < LAST_START {
            let tx = db.begin_service().await?;
            let deleted = expiry::purge(&tx, kind, BATCH).await?;
            tx.commit().await?;
            *count += deleted;
            if deleted < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    let tx = db.begin_service().await?;
    counts.insert("platform.outbox", expiry::purge_outbox(&tx).await?);
    tx.commit().await?;
    Ok(counts)
}
