//! Count what people were told and what waits, as an admin.

use lessons::notification::{self, DeliveryMetrics, DeliveryQuery};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/notifications/delivery/metrics", read))
}

async fn read(db: Db, admin: Admin, Query(query): Query<DeliveryQuery>) -> Result<Json<DeliveryMetrics>> {
    let tx = db.begin(&admin).await?;
    notification::delivery(&tx, query.max_retries.get()).await.map(Json)
}
