//! Show what language models cost the caller, by day, and what is left of the day's budget.

use platform::usage::{self, OwnUsage, UsageFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/me/usage", show))
}

async fn show(db: Db, user: User, Query(filter): Query<UsageFilter>) -> Result<Json<OwnUsage>> {
    let tx = db.begin(&user).await?;
    usage::of(&tx, &user, &filter).await.map(Json)
}
