//! List the caller's bookings, as a student or a teacher, or for an admin everybody's, the newest first.

use lessons::booking::{self, Booking, BookingFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/booking/my", list))
}

async fn list(
    db: Db,
    user: User,
    Paged(filter, paging): Paged<BookingFilter, 100, 20>,
) -> Result<Json<Page<Booking>>> {
    let tx = db.begin(&user).await?;
    booking::list(&tx, &user, &filter, paging).await.map(Json)
}
