//! Take off a time of one's own that nobody has booked, or as an admin anybody's.

use lessons::slot::{self, SlotPath};
use shared::prelude::*;

fn main() {
    serve(
        delete("/api/v1/scheduling/slots/{slot_id}", withdraw)
            .or(404, "slot not found")
            .or(409, "somebody has a lesson or a hold in it"),
    )
}

async fn withdraw(db: Db, user: User, Path(path): Path<SlotPath>) -> Result<NoContent> {
    let tx = db.begin(&user).await?;
    let (locked, is_taken) = slot::lock(&tx, &user, path.slot_id).await?;
    slot::withdraw(&tx, &locked, is_taken).await?;
    tx.commit().await?;
    Ok(NoContent)
}
