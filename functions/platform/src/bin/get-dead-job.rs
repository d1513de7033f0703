//! Show a job that failed for good, with what it was told and who has seen to it.

use platform::dead_job::{self, DeadJobDetail, DeadJobPath};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/jobs/dlq/{dlq_id}", show).or(404, "dead job not found"))
}

async fn show(db: Db, user: User, Path(path): Path<DeadJobPath>) -> Result<Json<DeadJobDetail>> {
    let tx = db.begin(&user).await?;
    dead_job::get(&tx, path.dlq_id).await.map(Json)
}
