//! Tell people what happened to their lessons: every minute, event by event.

use std::time::{Duration, Instant};

use lessons::telling;
use shared::prelude::*;

/// When the job takes no further event: the function has a minute.
const LAST_START: Duration = Duration::from_secs(40);

fn main() {
    serve(job(tell).needs(|| telling::organizer().map(drop)))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many events.
#[answer]
struct Told {
    told: u64,
    failed: u64,
}

async fn tell(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Told> {
    let (started, mut done) = (Instant::now(), Told { told: 0, failed: 0 });
    while started.elapsed() < LAST_START {
        let tx = db.begin_service().await?;
        let Some(due) = telling::next(&tx).await? else { break };
        let told = match telling::tell(&tx, &due).await {
            Ok(()) => tx.commit().await,
            Err(error) => {
                drop(tx);
                Err(error)
            }
        };
        match told {
            Ok(()) => done.told += 1,
            Err(error) => {
                let tx = db.begin_service().await?;
                tx.commit_with(async |tx| telling::fail(tx, &due, &error).await).await?;
                done.failed += 1;
            }
        }
    }
    let tx = db.begin_service().await?;
    tx.commit_with(async |tx| telling::settle(tx).await).await?;
    Ok(done)
}
