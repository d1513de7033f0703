//! Show a payment: one's own, or as an admin anybody's.

use lessons::payment::{self, Payment, PaymentPath};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/billing/payments/{payment_id}", show).or(404, "payment not found"))
}

async fn show(db: Db, user: User, Path(path): Path<PaymentPath>) -> Result<Json<Payment>> {
    let tx = db.begin(&user).await?;
    payment::get(&tx, path.payment_id).await.map(Json)
}
