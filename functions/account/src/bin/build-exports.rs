//! Make the archives that people asked for, and mail their links: every minute.

use std::time::{Duration, Instant};

use account::export;
use shared::prelude::*;

/// When the job takes no further export: one takes seconds, and the function has five minutes.
const LAST_START: Duration = Duration::from_secs(150);

fn main() {
    serve(job(build))
}

/// Nothing of the schedule matters.
#[derive(Deserr)]
#[deserr(error = Problems)]
struct Schedule {}

/// How many exports.
#[derive(Default, Serialize)]
struct Built {
    ready: u64,
    failed: u64,
}

async fn build(db: Db, Event(Schedule {}): Event<Schedule>) -> Result<Built> {
    let (started, mut built, mut passed_over) = (Instant::now(), Built::default(), 0);
    let tx = db.begin_service().await?;
    built.failed = export::give_up(&tx).await?;
    tx.commit().await?;
    while started.elapsed() < LAST_START {
        let tx = db.begin_service().await?;
        let claimed = export::claim(&tx).await?;
        tx.commit().await?;
        let Some(claimed) = claimed else { break };
        match export::build(&db, &claimed).await {
            Ok(is_first) => built.ready += u64::from(is_first),
            // One that fails does not stop the others, and is tried again when its lease has ended.
            Err(error) => {
                let (cause, place) = (error.cause(), error.place());
                tracing::error!(export_id = %claimed.export_id, cause, place, "export failed");
                passed_over += 1;
            }
        }
    }
    // A failed invocation is what an alarm hears of.
    if passed_over > 0 {
        return Err(internal(format!("{passed_over} exports failed, {} are ready", built.ready)));
    }
    Ok(built)
}
