//! Store everybody's finished weeks, on Mondays or by hand with `{"week_start": "2026-11-16"}`.

use practice::progress::{self, WeeklyProgressInput, WeeklyProgressStored};
use shared::prelude::*;

fn main() {
    serve(job(store))
}

async fn store(db: JobsDb, Event(input): Event<WeeklyProgressInput>) -> Result<WeeklyProgressStored> {
    input.must_be_a_monday()?;
    let tx = db.begin_service().await?;
    let stored = progress::store_finished_weeks(&tx, input.week_start).await?;
    tx.commit().await?;
    Ok(stored)
}
