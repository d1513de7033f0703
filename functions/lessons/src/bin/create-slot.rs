//! Publish a time of a teacher, as an admin.

use lessons::slot::{self, NewSlot, Slot};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/scheduling/slots", create).or(409, "the teacher has a slot at that time").or(
            422,
            "it lies behind, ends before it begins, is longer than a day, or is of nobody who teaches",
        ),
    )
}

async fn create(db: Db, admin: Admin, Json(new): Json<NewSlot>) -> Result<Created<Slot>> {
    slot::must_lie_ahead(new.start_at, new.end_at)?;
    let tx = db.begin(&admin).await?;
    let slot = slot::insert(&tx, &admin, &new).await?;
    tx.commit().await?;
    Ok(Created(slot))
}
