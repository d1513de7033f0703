//! Wait for time of a teacher: when some comes free, it is held for half an hour for who waits longest.

use lessons::waitlist::{self, NewWaitlistEntry, WaitlistEntry};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/scheduling/waitlist", join)
            .or(404, "teacher or package not found")
            .or(409, "the student waits for it already, or for ten times")
            .or(422, "no lesson fits between the two moments, or they lie behind"),
    )
}

async fn join(db: Db, student: Student, Json(new): Json<NewWaitlistEntry>) -> Result<Created<WaitlistEntry>> {
    let tx = db.begin(&student).await?;
    let entry = waitlist::insert(&tx, &student, &new).await?;
    tx.commit().await?;
    Ok(Created(entry))
}
