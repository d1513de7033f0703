//! Read the lessons of a secret address, as a calendar program does: no one is signed in there.

use lessons::feed::{self, FeedLink};
use shared::precondition::{Fresh, IfNoneMatch};
use shared::prelude::*;
use shared::reply::CalendarText;

fn main() {
    serve(get("/api/v1/calendar/{token}", read).or(404, "calendar not found"))
}

async fn read(db: Db, Path(link): Path<FeedLink>, known: IfNoneMatch) -> Result<Fresh<CalendarText>> {
    let tx = db.begin_anonymous().await?;
    let text = feed::read(&tx, &link).await?;
    tx.commit().await?;
    Ok(Fresh(CalendarText(text.into()), known))
}
