//! Delete sign-ins, tokens, counters, archives, messages and old acts that nobody can use any more: every hour.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use account::expiry;
use shared::prelude::*;

/// When the job begins no further batch: the function has five minutes. What is left goes an hour later.
const LAST_START: Duration = Duration::from_secs(240);
/// Rows per transaction, so that none holds its locks for long.
const BATCH: i64 = 2000;

fn main() {
    serve(job(purge).needs(|| expiry::audit_days().map(drop)))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

async fn purge(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<BTreeMap<&'static str, u64>> {
    let (started, mut counts, mut failed) = (Instant::now(), BTreeMap::new(), Vec::new());
    for kind in &expiry::KINDS {
        let count: &mut u64 = counts.entry(kind.table).or_default();
        while started.elapsed() < LAST_START {
            match batch(&db, async |tx| expiry::purge(tx, kind, BATCH).await).await {
                Ok(deleted) => {
                    *count += deleted;
                    if deleted < BATCH.unsigned_abs() {
                        break;
                    }
                }
                // One kind that cannot be deleted does not keep the others.
                Err(error) => {
                    let (cause, place) = (error.cause(), error.place());
                    tracing::error!(table = kind.table, cause, place, "purge failed");
                    failed.push(kind.table);
                    break;
                }
            }
        }
    }
    match batch(&db, async |tx| expiry::purge_audit(tx, BATCH).await).await {
        Ok(deleted) => drop(counts.insert("identity.audit_log", deleted)),
        Err(error) => {
            tracing::error!(table = "identity.audit_log", cause = error.cause(), "purge failed");
            failed.push("identity.audit_log");
        }
    }
    *counts.entry("platform.outbox").or_default() +=
        batch(&db, async |tx| expiry::purge_outbox(tx).await).await?;
    // A failed invocation is what an alarm hears of.
    if !failed.is_empty() {
        return Err(internal(format!("not purged: {}; purged: {counts:?}", failed.join(", "))));
    }
    Ok(counts)
}

/// Deletes in a transaction of its own.
async fn batch(db: &JobsDb, delete: impl AsyncFnOnce(&Tx) -> Result<u64>) -> Result<u64> {
    let tx = db.begin_service().await?;
    let deleted = delete(&tx).await?;
    tx.commit().await?;
    Ok(deleted)
}
