//! Note that somebody has seen to a job that failed for good, or that it does not matter.

use platform::dead_job::{self, DeadJobDetail, DeadJobPath, Resolution};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/jobs/dlq/{dlq_id}/resolve", resolve)
            .or(404, "dead job not found")
            .or(409, "dead job already retried"),
    )
}

async fn resolve(
    db: Db,
    user: User,
    Path(path): Path<DeadJobPath>,
    Json(resolution): Json<Resolution>,
) -> Result<Json<DeadJobDetail>> {
    let tx = db.begin(&user).await?;
    let dead = dead_job::resolve(&tx, &user, path.dlq_id, &resolution).await?;
    tx.commit().await?;
    Ok(Json(dead))
}
