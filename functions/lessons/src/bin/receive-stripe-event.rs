//! Hear from Stripe what became of a payment. Stripe signs what it says; it is kept before it acts, and acts once.

use lessons::purchase;
use lessons::stripe::{Signed, Stripe, Told};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/billing/webhooks/stripe", receive))
}

/// What became of it.
#[answer]
struct Received {
    /// `applied`, `ignored` for what concerns no payment of ours, `mismatched` for what does not fit it, or `failed`, which a
    /// job tries again. Told again, the same.
    state: String,
}

async fn receive(db: Db, Signed(event): Signed, stripe: Stripe) -> Result<Json<Received>> {
    let told = Told::of_event(&event)?.complete(&stripe).await?;
    let tx = db.begin_anonymous().await?;
    let state = tx.commit_with(async |tx| purchase::receive(tx, &told).await).await?;
    Ok(Json(Received { state }))
}
