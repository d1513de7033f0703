//! List what has happened and nobody has been told of yet, as an admin, the oldest first.

use lessons::event::{self, PendingEvent, PendingQuery};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/audit/outbox/pending", list))
}

async fn list(db: Db, admin: Admin, Query(query): Query<PendingQuery>) -> Result<Json<Vec<PendingEvent>>> {
    let tx = db.begin(&admin).await?;
    event::list_pending(&tx, query.limit.get()).await.map(Json)
}
