//! List the caller's addresses for calendar programs, without their secrets.

use lessons::feed::{self, Feed};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/calendar/feeds", list))
}

async fn list(db: Db, user: User) -> Result<Json<Vec<Feed>>> {
    let tx = db.begin(&user).await?;
    feed::list(&tx, &user).await.map(Json)
}
