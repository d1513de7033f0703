//! End an address for a calendar program: a new one has a new secret.

use lessons::feed::{self, FeedPath};
use shared::prelude::*;

fn main() {
    serve(delete("/api/v1/calendar/feeds/{feed_id}", end).or(404, "calendar not found"))
}

async fn end(db: Db, user: User, Path(path): Path<FeedPath>) -> Result<NoContent> {
    let tx = db.begin(&user).await?;
    feed::delete(&tx, &user, path.feed_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
