//! List the work that is done for the caller in the background, the newest first; for an admin everybody's.

use platform::job::{self, Job, JobFilter};
use shared::keyset::{KeysetPage, KeysetPaged};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/jobs", list))
}

async fn list(
    db: Db,
    user: User,
    KeysetPaged(filter, paging): KeysetPaged<JobFilter, Job, 100, 50>,
) -> Result<Json<KeysetPage<Job>>> {
    let tx = db.begin(&user).await?;
    job::list(&tx, &user, &filter, paging).await.map(Json)
}
