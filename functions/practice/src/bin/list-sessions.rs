//! List the caller's sessions, the newest first, by state, words and days.

use practice::session::{self, SessionFilter, SessionPage};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/sessions", list))
}

async fn list(db: Db, user: User, Query(filter): Query<SessionFilter>) -> Result<Json<SessionPage>> {
    filter.must_be_a_range()?;
    let tx = db.begin(&user).await?;
    session::list(&tx, &user, &filter).await.map(Json)
}
