//! Note a payment for one's own package, or as an admin for anybody's. An admin then says whether its money came.

use lessons::payment::{self, NewPayment, Payment};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/billing/payments", create)
            .or(404, "package not found")
            .or(422, "the package is over, or was not paid itself"),
    )
}

async fn create(db: Db, user: User, Json(new): Json<NewPayment>) -> Result<Created<Payment>> {
    let tx = db.begin(&user).await?;
    payment::insert(tx, &new).await.map(Created)
}
