//! Show what was served so far, for Prometheus.

use platform::{exposition, metrics};
use shared::prelude::*;
use shared::reply::Exposition;

fn main() {
    serve(get("/metrics", show))
}

async fn show(db: AccountsDb, _: Operator) -> Result<Exposition> {
    let tx = db.begin_service().await?;
    let (counts, models) = tokio::try_join!(biased; metrics::counts(&tx), metrics::model_totals(&tx))?;
    Ok(Exposition(exposition::render(&counts, &models).into()))
}
