//! Give a payment's money back, all of it or a part, as an admin. Unused lessons go back with it, in proportion.

use lessons::payment::{self, PaymentPath};
use lessons::refund::{self, NewRefund, Refunded};
use lessons::stripe::Stripe;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/billing/payments/{payment_id}/refund", give_back)
            .or(404, "payment not found")
            .or(422, "there is not so much left of it, or it is disputed")
            .or(502, "the provider does not answer; the same key goes on with the same refund"),
    )
}

async fn give_back(
    db: Db,
    admin: Admin,
    Path(path): Path<PaymentPath>,
    Json(new): Json<NewRefund>,
    stripe: Stripe,
    repeat: Idempotency,
) -> Result<Json<Refunded>> {
    let key = repeat.require()?;
    let tx = db.begin(&admin).await?;
    let locked = payment::lock(&tx, path.payment_id).await?;
    let id = refund::begin(&tx, &admin, &locked, &new, key).await?;
    let due = refund::find_due(&tx, id).await?;
    tx.commit().await?;
    if let Some(due) = due {
        db.release().await;
        let taken = due.ask(&stripe).await?;
        let tx = db.begin(&admin).await?;
        tx.commit_with(async |tx| refund::finish(tx, &due, &taken).await).await?;
    }
    let tx = db.begin(&admin).await?;
    refund::get(&tx, id, path.payment_id).await.map(Json)
}
