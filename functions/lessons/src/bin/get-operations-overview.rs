//! Show what needs attention: what waits, what failed, what does not fit. The journal notes it.

use lessons::overview::{self, Operations, OperationsQuery};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/admin/ops/overview", show))
}

async fn show(db: Db, admin: Admin, Query(query): Query<OperationsQuery>) -> Result<Json<Operations>> {
    let tx = db.begin(&admin).await?;
    tx.commit_with(async |tx| overview::operations(tx, &admin, query.max_retries.get()).await).await.map(Json)
}
