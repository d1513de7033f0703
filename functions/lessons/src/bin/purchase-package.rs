//! Buy a package, and hold a time along: answers where it is paid. It can be used when its money has come, and not before.

use lessons::plan;
use lessons::purchase::{self, NewPurchase, Purchase};
use lessons::stripe::Stripe;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/billing/packages/purchase", buy)
            .or(404, "plan not found, or not for sale; slot not found")
            .or(409, "20 payments wait already; somebody has that time, or the student has a lesson then, or holds three")
            .or(422, "the provider cannot charge this price exactly; the time cannot be booked")
            .or(502, "the provider does not answer; the same key goes on with the same purchase")
            .or(503, "there is no account at the provider"),
    )
}

async fn buy(
    db: Db,
    student: Student,
    Json(new): Json<NewPurchase>,
    stripe: Stripe,
    repeat: Idempotency,
) -> Result<Created<Purchase>> {
    let key = repeat.require()?;
    let tx = db.begin(&student).await?;
    let plan = plan::get(&tx, new.plan_id).await?;
    let provider = new.provider(&stripe, &plan)?;
    let payment = purchase::begin(&tx, plan.id, provider, key).await?;
    let booking = purchase::hold_along(&tx, &student, &new, (payment, provider)).await?;
    let due = purchase::find_due(&tx, payment).await?;
    tx.commit().await?;
    // Nothing waits in the database while the provider does.
    if let Some(due) = due {
        db.release().await;
        let session = due.ask(&stripe).await?;
        let tx = db.begin(&student).await?;
        tx.commit_with(async |tx| purchase::keep_session(tx, payment, &session).await).await?;
    }
    let tx = db.begin(&student).await?;
    purchase::get(&tx, plan, payment, booking).await.map(Created)
}
