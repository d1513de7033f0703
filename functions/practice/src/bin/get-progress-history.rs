//! Show the caller's last weeks: finished ones as stored in the caller's time zone, all others counted live.

use practice::progress::{self, ProgressHistory, WeeksQuery};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/progress/history", list))
}

async fn list(db: Db, user: User, Query(query): Query<WeeksQuery>) -> Result<Json<ProgressHistory>> {
    let tx = db.begin(&user).await?;
    progress::list_weeks(&tx, &user, query.weeks.get()).await.map(Json)
}
