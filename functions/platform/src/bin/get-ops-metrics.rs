//! Show what was served so far, in one view for people.

use platform::metrics::{self, Snapshot};
use shared::prelude::*;

fn main() {
    serve(get("/ops/metrics", show))
}

async fn show(db: AccountsDb, _: Operator) -> Result<Json<Snapshot>> {
    let tx = db.begin_service().await?;
    Ok(Json(metrics::snapshot(&tx).await?))
}
