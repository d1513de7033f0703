//! Show what was served so far, for Prometheus.

use platform::{exposition, metrics};
use shared::prelude::*;
use shared::reply::Exposition;

fn main() {
    serve(get("/metrics", show))
}

async fn show(db: AccountsDb, _: Operator) -> Result<Exposition> {
    let tx = db.begin_service().await?;
    Ok(Exposition(exposition::render(&metrics::counts(&tx).await?).into()))
}
