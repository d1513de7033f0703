//! Remind students of lessons a day ahead: every five minutes. Late or doubled, each lesson is reminded of once.

use lessons::telling;
use shared::prelude::*;

fn main() {
    serve(job(remind))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many lessons.
#[answer]
struct Reminded {
    lessons: u64,
}

async fn remind(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Reminded> {
    let tx = db.begin_service().await?;
    let lessons = tx.commit_with(async |tx| telling::remind(tx).await).await?;
    Ok(Reminded { lessons })
}
