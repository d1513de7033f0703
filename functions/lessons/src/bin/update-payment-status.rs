//! Say whether the money of a payment that was noted by hand came, as an admin.

use lessons::payment::{self, Payment, PaymentPatch, PaymentPath};
use shared::prelude::*;

fn main() {
    serve(
        patch("/api/v1/billing/payments/{payment_id}/status", update)
            .or(404, "payment not found")
            .or(422, "it cannot become that, or is a provider's"),
    )
}

async fn update(
    db: Db,
    admin: Admin,
    Path(path): Path<PaymentPath>,
    Json(changes): Json<PaymentPatch>,
) -> Result<Json<Payment>> {
    let tx = db.begin(&admin).await?;
    let locked = payment::lock(&tx, path.payment_id).await?;
    payment::note(tx, &locked, changes.status).await.map(Json)
}
