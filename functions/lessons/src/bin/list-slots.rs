//! List the slots of all teachers or of one, in the order of their times, as an admin.

use lessons::slot::{self, SlotDetails, SlotFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/admin/slots", list))
}

async fn list(
    db: Db,
    admin: Admin,
    Paged(filter, paging): Paged<SlotFilter, 100, 20>,
) -> Result<Json<Page<SlotDetails>>> {
    let tx = db.begin(&admin).await?;
    slot::list(&tx, &filter, paging).await.map(Json)
}
