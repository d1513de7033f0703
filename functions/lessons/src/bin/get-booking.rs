//! Read a booking, with what the caller's cancel would do now.

use lessons::booking::{self, BookingPath};
use lessons::cancellation::{self, BookingWithCancel};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/booking/{booking_id}", read).or(404, "booking not found"))
}

async fn read(db: Db, user: User, Path(path): Path<BookingPath>) -> Result<Json<BookingWithCancel>> {
    let tx = db.begin(&user).await?;
    let locked = booking::read(&tx, path.booking_id).await?;
    Ok(Json(cancellation::with_preview(locked, &user)))
}
