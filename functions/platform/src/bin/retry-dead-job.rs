//! Try a job again that failed for good: a new job goes on after the steps that are done. Each is tried again once.

use platform::dead_job::{self, DeadJobPath, Retried};
use shared::jobs;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/jobs/dlq/{dlq_id}/retry", retry)
            .or(404, "dead job not found")
            .or(409, "dead job already retried, resolved or ignored")
            .or(409, "too many jobs are waiting")
            .or(503, "the same work came to its end in this moment"),
    )
}

async fn retry(db: Db, user: User, Path(path): Path<DeadJobPath>) -> Result<Json<Retried>> {
    let tx = db.begin(&user).await?;
    let again = dead_job::retry(&tx, path.dlq_id).await?;
    tx.commit().await?;
    jobs::nudge(&again.kind).await;
    Ok(Json(Retried { job_id: again.job_id, job_name: again.kind, status: "queued" }))
}
