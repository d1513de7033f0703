//! Try jobs again that failed for good, the oldest first and at most fifty: one's own, and for an admin everybody's.

use std::collections::BTreeSet;

use platform::dead_job::{self, RetriedMany, RetryFilter};
use shared::jobs;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/jobs/dlq/bulk-retry", retry).or(409, "too many jobs are waiting"))
}

async fn retry(db: Db, user: User, Json(filter): Json<RetryFilter>) -> Result<Json<RetriedMany>> {
    let tx = db.begin(&user).await?;
    let again = dead_job::retry_many(&tx, &filter).await?;
    tx.commit().await?;
    for kind in again.iter().map(|again| again.kind.as_str()).collect::<BTreeSet<_>>() {
        jobs::nudge(kind).await;
    }
    let new_job_ids: Vec<Uuid> = again.iter().map(|again| again.job_id).collect();
    Ok(Json(RetriedMany { retried_count: new_job_ids.len(), new_job_ids }))
}
