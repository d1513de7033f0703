//! End the holds whose time is over: every minute. Nothing waits for it, because they read as ended at their moment.

use lessons::booking;
use shared::prelude::*;

fn main() {
    serve(job(end))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many holds.
#[answer]
struct Ended {
    holds: i64,
}

async fn end(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Ended> {
    let tx = db.begin_service().await?;
    let holds = tx.commit_with(async |tx| booking::expire_holds(tx).await).await?;
    Ok(Ended { holds })
}
