//! List the caller's sessions, the newest first, by state, words and days.

use practice::session::{self, Session, SessionFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/sessions", list))
}

async fn list(
    db: Db,
    user: User,
    Paged(filter, paging): Paged<SessionFilter, 50, 10>,
) -> Result<Json<Page<Session>>> {
    filter.must_be_a_range()?;
    let tx = db.begin(&user).await?;
    session::list(&tx, &user, &filter, paging).await.map(Json)
}
