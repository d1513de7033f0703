//! End the packages whose time is over: every hour. Nothing waits for it, because they read as ended at their moment.

use lessons::package;
use shared::prelude::*;

fn main() {
    serve(job(end))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many packages.
#[answer]
struct Ended {
    packages: i64,
}

async fn end(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Ended> {
    let tx = db.begin_service().await?;
    let packages = tx.commit_with(async |tx| package::expire(tx).await).await?;
    Ok(Ended { packages })
}
