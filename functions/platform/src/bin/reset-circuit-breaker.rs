//! Let a provider be asked again at once that was left alone because it failed too often.

use platform::breaker::{self, BreakerPath, Reset};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/jobs/circuit-breakers/{name}/reset", reset).or(404, "circuit breaker not found"))
}

async fn reset(db: Db, admin: Admin, Path(path): Path<BreakerPath>) -> Result<Json<Reset>> {
    let tx = db.begin(&admin).await?;
    let reset = breaker::reset(&tx, path.name.as_str()).await?;
    tx.commit().await?;
    Ok(Json(reset))
}
