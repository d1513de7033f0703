//! Publish many times of a teacher at once, from wall times, or see what would be published, as an admin.

use jiff::Timestamp;
use lessons::slot::bulk::{self, Batch, NewSlots};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/admin/slots/bulk-create", create)
            .or(422, "these are more than 1000 slots, or the person does not teach"),
    )
}

async fn create(db: Db, admin: Admin, Json(new): Json<NewSlots>) -> Result<Json<Batch>> {
    let candidates = new.candidates(Timestamp::now())?;
    let tx = db.begin(&admin).await?;
    let batch = bulk::insert(&tx, &admin, &new, candidates).await?;
    if !batch.dry_run {
        tx.commit().await?;
    }
    Ok(Json(batch))
}
