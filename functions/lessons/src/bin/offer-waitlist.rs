//! Offer time that has come free to those who wait for it, who waits longest first: every minute.

use std::time::{Duration, Instant};

use lessons::waitlist;
use shared::prelude::*;

/// When the job takes nobody further: the function has a minute.
const LAST_START: Duration = Duration::from_secs(40);

fn main() {
    serve(job(offer))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many.
#[answer]
struct Offered {
    /// Who has a time now.
    offered: usize,
    /// Who could not take theirs, or somebody else was faster.
    passed_over: usize,
}

async fn offer(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Offered> {
    let (started, mut offered, mut passed_over) = (Instant::now(), 0, Vec::new());
    while started.elapsed() < LAST_START {
        let tx = db.begin_service().await?;
        let Some(found) = waitlist::next(&tx, &passed_over).await? else { break };
        match waitlist::offer(&tx, &found).await {
            Ok(true) => {
                tx.commit().await?;
                offered += 1;
            }
            Ok(false) => passed_over.push(found.id),
            // A constraint decides: the next run looks again.
            Err(error) if error.code().status().is_client_error() => passed_over.push(found.id),
            Err(error) => return Err(error),
        }
    }
    Ok(Offered { offered, passed_over: passed_over.len() })
}
