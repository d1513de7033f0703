//! Show a job: how it stands, how far it is, and what came of it. One's own, and for an admin everybody's.

use platform::job::{self, Job, JobPath};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/jobs/{job_id}", show).or(404, "job not found"))
}

async fn show(db: Db, user: User, Path(path): Path<JobPath>) -> Result<Json<Job>> {
    let tx = db.begin(&user).await?;
    job::get(&tx, path.job_id).await.map(Json)
}
