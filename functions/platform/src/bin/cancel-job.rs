//! Call a job off: one that waits is cancelled, one that runs ends at its next step, and writes nothing more.

use platform::job::{self, Job, JobPath};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/jobs/{job_id}/cancel", cancel)
            .or(404, "job not found")
            .or(409, "the job has ended already"),
    )
}

async fn cancel(db: Db, user: User, Path(path): Path<JobPath>) -> Result<Json<Job>> {
    let tx = db.begin(&user).await?;
    let job = job::cancel(&tx, path.job_id).await?;
    tx.commit().await?;
    Ok(Json(job))
}
