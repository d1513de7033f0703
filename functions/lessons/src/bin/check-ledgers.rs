//! Look whether every counter is what its ledger says: every night. The operations overview tells what it found.

use lessons::ledger::{self, LedgerCheck};
use shared::prelude::*;

fn main() {
    serve(job(check))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

async fn check(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<LedgerCheck> {
    let tx = db.begin_service().await?;
    let found = tx.commit_with(async |tx| ledger::check(tx).await).await?;
    if found.packages_wrong + found.payments_wrong > 0 {
        tracing::error!(
            packages = found.packages_wrong,
            payments = found.payments_wrong,
            "counters are not what their ledgers say"
        );
    }
    Ok(found)
}
