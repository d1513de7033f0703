//! Show how the practice does: people, bookings, lessons, payments, packages, and the money by currency. The journal notes it.

use lessons::overview::{self, Kpi};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/admin/kpi/overview", show))
}

async fn show(db: Db, admin: Admin) -> Result<Json<Kpi>> {
    let tx = db.begin(&admin).await?;
    tx.commit_with(async |tx| overview::kpi(tx, &admin).await).await.map(Json)
}
