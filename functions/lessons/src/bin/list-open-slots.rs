//! List the times that can be booked, the next first, of all teachers or of one.

use lessons::slot::{self, OpenSlot, OpenSlotFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/scheduling/slots/open", list))
}

async fn list(db: Db, Paged(filter, paging): Paged<OpenSlotFilter, 100, 20>) -> Result<Json<Page<OpenSlot>>> {
    let tx = db.begin_anonymous().await?;
    slot::list_open(&tx, &filter, paging).await.map(Json)
}
