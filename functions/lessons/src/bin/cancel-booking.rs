//! Call a booking off. One that is called off already stays as it is.

use lessons::booking::{self, Booking, BookingPath, BookingStatus};
use lessons::cancellation::{self, Cancel};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/booking/{booking_id}/cancel", cancel)
            .or(404, "booking not found")
            .or(409, "the hold's time is over, or the lesson has begun or has taken place"),
    )
}

async fn cancel(
    db: Db,
    user: User,
    Path(path): Path<BookingPath>,
    Json(wish): Json<Cancel>,
) -> Result<Json<Booking>> {
    let tx = db.begin(&user).await?;
    let locked = booking::lock(&tx, path.booking_id).await?;
    if locked.booking.status == BookingStatus::Canceled {
        return Ok(Json(locked.booking));
    }
    let party = locked.booking.party(&user);
    cancellation::cancel(tx, &locked, party, &wish).await.map(Json)
}
