//! Read a booking's lesson as a calendar file.

use lessons::booking::{self, BookingPath};
use shared::prelude::*;
use shared::reply::CalendarText;

fn main() {
    serve(
        get("/api/v1/booking/{booking_id}/calendar.ics", read)
            .or(404, "booking not found, or one that never became a lesson"),
    )
}

async fn read(db: Db, user: User, Path(path): Path<BookingPath>) -> Result<CalendarText> {
    let tx = db.begin(&user).await?;
    booking::calendar_file(&tx, &user, path.booking_id).await.map(|text| CalendarText(text.into()))
}
