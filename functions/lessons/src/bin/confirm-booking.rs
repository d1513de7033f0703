//! Confirm a hold: it becomes a lesson. A booking that is confirmed stays as it is.

use lessons::booking::{self, Booking, BookingPath};
use lessons::hold;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/booking/{booking_id}/confirm", confirm)
            .or(404, "booking not found")
            .or(409, "it was called off")
            .or(422, "the hold's time is over, or the lesson's start"),
    )
}

async fn confirm(db: Db, user: User, Path(path): Path<BookingPath>) -> Result<Json<Booking>> {
    let tx = db.begin(&user).await?;
    let locked = booking::lock(&tx, path.booking_id).await?;
    if !hold::is_to_confirm(&locked)? {
        return Ok(Json(locked.booking));
    }
    hold::confirm(tx, &locked.booking).await.map(Json)
}
