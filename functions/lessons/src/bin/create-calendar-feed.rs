//! Make a secret address under which a calendar program reads the caller's lessons. It is told once.

use lessons::feed::{self, NewFeed};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/calendar/feeds", create).or(409, "the caller has five"))
}

async fn create(db: Db, user: User) -> Result<Created<NewFeed>> {
    let tx = db.begin(&user).await?;
    let (_, feed) = tokio::try_join!(biased; shared::identity::ensure(&tx, &user), feed::insert(&tx, &user))?;
    tx.commit().await?;
    Ok(Created(feed))
}
