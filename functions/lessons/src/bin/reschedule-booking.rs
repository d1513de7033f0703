//! Move a booking to another time, all or nothing. One that was moved already gives the booking that it was moved to.

use lessons::booking::{Booking, BookingPath};
use lessons::cancellation::{self, Move};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/booking/{booking_id}/reschedule", reschedule)
            .or(404, "booking or slot not found")
            .or(409, "somebody has that time, or the booking cannot be moved any more")
            .or(422, "the time cannot be booked, or the package has no lesson for it"),
    )
}

async fn reschedule(
    db: Db,
    user: User,
    Path(path): Path<BookingPath>,
    Json(to): Json<Move>,
) -> Result<Json<Booking>> {
    let tx = db.begin(&user).await?;
    let mut moving = cancellation::look(&tx, path.booking_id, &to).await?;
    if let Some(successor) = moving.successor.take() {
        return Ok(Json(successor));
    }
    let party = moving.locked.booking.party(&user);
    cancellation::reschedule(tx, &moving, party, &to).await.map(Json)
}
