//! End the packages whose time is over, and warn of those that end within a week: every hour. Nothing waits for it, because
//! they read as ended at their moment.

use lessons::{package, telling};
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
    warned: u64,
}

async fn end(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Ended> {
    let tx = db.begin_service().await?;
    let (packages, warned) =
        tx.commit_with(async |tx| tokio::try_join!(biased; package::expire(tx), telling::warn(tx))).await?;
    Ok(Ended { packages, warned })
}
