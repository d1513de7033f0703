//! Count a week of the caller's practice, live.

use practice::progress::{self, Week, WeekQuery};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/progress/weekly", count))
}

async fn count(db: Db, user: User, Query(query): Query<WeekQuery>) -> Result<Json<Week>> {
    let tx = db.begin(&user).await?;
    progress::get_week(&tx, &user, query.week_start).await.map(Json)
}
