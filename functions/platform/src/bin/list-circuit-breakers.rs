//! List circuit breakers: whether each provider is asked, or left alone for a while because it failed too often.

use platform::breaker::{self, Breaker};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/jobs/circuit-breakers", list))
}

async fn list(db: Db, user: User) -> Result<Json<Vec<Breaker>>> {
    let tx = db.begin(&user).await?;
    breaker::list(&tx).await.map(Json)
}
