//! Wait no longer. What is held already stays held.

use lessons::waitlist::{self, WaitlistPath};
use shared::prelude::*;

fn main() {
    serve(delete("/api/v1/scheduling/waitlist/{entry_id}", leave).or(404, "nobody waits for that"))
}

async fn leave(db: Db, student: Student, Path(path): Path<WaitlistPath>) -> Result<NoContent> {
    let tx = db.begin(&student).await?;
    waitlist::delete(&tx, &student, path.entry_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
