//! Hold a time for a few minutes, with a lesson of a package.

use lessons::booking::Booking;
use lessons::hold::{self, NewHold};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/booking/hold", hold)
            .or(404, "slot or package not found")
            .or(409, "somebody has that time, or the student has a lesson then, or holds three")
            .or(422, "the time cannot be booked, or the package cannot pay for it"),
    )
}

async fn hold(db: Db, student: Student, Json(new): Json<NewHold>) -> Result<Json<Booking>> {
    let tx = db.begin(&student).await?;
    let (offer, package) = hold::look(&tx, &student, &new).await?;
    let place = hold::place(&student, &new, offer, package)?;
    hold::insert(tx, &place).await.map(Json)
}
