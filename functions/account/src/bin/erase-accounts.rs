//! Erase everybody whose days of grace are over: every night.

use std::time::{Duration, Instant};

use account::erasure;
use shared::prelude::*;

/// When the job takes nobody further: the function has five minutes. Who is left is erased the next night.
const LAST_START: Duration = Duration::from_secs(240);

fn main() {
    serve(job(erase))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many people.
#[answer]
struct Erased {
    people: u64,
}

async fn erase(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Erased> {
    let (started, mut people, mut failed) = (Instant::now(), 0, Vec::new());
    while started.elapsed() < LAST_START {
        // A transaction for each, so that one who cannot be erased does not keep the others.
        let tx = db.begin_service().await?;
        let Some(person) = erasure::next_due(&tx, &failed).await? else { break };
        let erased = match erasure::erase(&tx, &person).await {
            Ok(()) => tx.commit().await,
            Err(error) => Err(error),
        };
        match erased {
            Ok(()) => people += 1,
            Err(error) => {
                let (cause, place) = (error.cause(), error.place());
                tracing::error!(user_id = %person.user_id, cause, place, "erasure failed");
                failed.push(person.user_id);
            }
        }
    }
    // A failed invocation is what an alarm hears of.
    if !failed.is_empty() {
        return Err(internal(format!("{} people could not be erased, {people} were", failed.len())));
    }
    Ok(Erased { people })
}
