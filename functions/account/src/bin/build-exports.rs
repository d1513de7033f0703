//! Make the archives that people asked for, and mail their links, or that there will be none: every minute.

use std::time::{Duration, Instant};

use account::export;
use shared::prelude::*;

/// When the job takes no further export: one takes seconds, and the function has five minutes.
const LAST_START: Duration = Duration::from_secs(150);

fn main() {
    serve(job(build))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many exports.
#[answer]
struct Built {
    ready: u64,
}

async fn build(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Built> {
    let (started, mut ready, mut failed, mut given_up) = (Instant::now(), 0, 0, 0);
    // One that can neither be made nor given up does not stop the others.
    match give_up(&db).await {
        Ok(count) => given_up = count,
        Err(error) => {
            tracing::error!(cause = error.cause(), place = error.place(), "giving exports up failed");
            failed += 1;
        }
    }
    while started.elapsed() < LAST_START {
        let tx = db.begin_service().await?;
        let claimed = export::claim(&tx).await?;
        tx.commit().await?;
        let Some(claimed) = claimed else { break };
        match export::build(&db, &claimed).await {
            Ok(is_first) => ready += u64::from(is_first),
            // One that fails does not stop the others, and is tried again when its lease has ended.
            Err(error) => {
                let (cause, place) = (error.cause(), error.place());
                tracing::error!(export_id = %claimed.export_id, cause, place, "export failed");
                failed += 1;
            }
        }
    }
    // A failed invocation is what an alarm hears of.
    if failed > 0 || given_up > 0 {
        return Err(internal(format!(
            "{failed} exports failed, {given_up} were given up, {ready} are ready"
        )));
    }
    Ok(Built { ready })
}

async fn give_up(db: &JobsDb) -> Result<usize> {
    let tx = db.begin_service().await?;
    let given_up = export::give_up(&tx).await?;
    tx.commit().await?;
    Ok(given_up)
}
