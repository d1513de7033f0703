//! End the holds whose time is over, as an admin, instead of waiting for the job. Answers how many there were.

use lessons::booking;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/booking/holds/expire", expire))
}

async fn expire(db: Db, admin: Admin) -> Result<Json<i64>> {
    let tx = db.begin(&admin).await?;
    tx.commit_with(async |tx| booking::expire_holds(tx).await).await.map(Json)
}
