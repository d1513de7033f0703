//! Keep back a time of one's own or offer it again, or move it, or as an admin anybody's.

use lessons::slot::{self, SlotDetails, SlotPatch, SlotPath};
use shared::prelude::*;

fn main() {
    serve(
        patch("/api/v1/scheduling/slots/{slot_id}", update)
            .or(404, "slot not found")
            .or(409, "somebody has a lesson or a hold in it, or the teacher has another slot at that time")
            .or(422, "it lies behind, ends before it begins, or is longer than a day"),
    )
}

async fn update(
    db: Db,
    user: User,
    Path(path): Path<SlotPath>,
    Json(changes): Json<SlotPatch>,
) -> Result<Json<SlotDetails>> {
    let tx = db.begin(&user).await?;
    let (locked, is_taken) = slot::lock(&tx, &user, path.slot_id).await?;
    let slot = slot::update(&tx, &locked, is_taken, &changes).await?;
    tx.commit().await?;
    Ok(Json(slot))
}
