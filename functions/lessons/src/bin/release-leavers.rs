//! Call off the lessons of people who leave, and withdraw what they offer: every five minutes.

use lessons::leaver;
use shared::prelude::*;

fn main() {
    serve(job(release))
}

/// Nothing of the schedule matters.
#[input]
struct Schedule {}

/// How many people, and how many bookings.
#[answer]
struct Released {
    people: u64,
    bookings: i64,
}

async fn release(db: JobsDb, Event(Schedule {}): Event<Schedule>) -> Result<Released> {
    let leavers = leaver::list(&db.begin_service().await?).await?;
    let (mut released, mut failed) = (Released { people: 0, bookings: 0 }, 0);
    for leaver in &leavers {
        // A transaction for each, so that one who cannot be released does not keep the others.
        let tx = db.begin_service().await?;
        match tx.commit_with(async |tx| leaver::release(tx, leaver).await).await {
            Ok(bookings) => {
                released.people += 1;
                released.bookings += bookings;
            }
            Err(error) => {
                tracing::error!(user_id = %leaver.id, cause = error.cause(), place = error.place(), "not released");
                failed += 1;
            }
        }
    }
    // A failed invocation is what an alarm hears of.
    if failed > 0 {
        return Err(internal(format!("{failed} people could not be released, {} were", released.people)));
    }
    Ok(released)
}
