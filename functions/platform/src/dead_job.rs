//! Jobs that failed for good and may be worth another try: one's own, and everybody's for an admin.
//!
//! The names of the wire are those of the earlier writing backend. A trace is never shown: the log has the cause.

use serde_json::Value;
use shared::prelude::*;

text_enum! {
    /// What became of a dead job.
    pub enum DeadStatus {
        /// Nothing yet.
        Pending = "pending",
        /// Another job goes on with it.
        Retried = "retried",
        /// Somebody has seen to it.
        Resolved = "resolved",
        /// It does not matter.
        Ignored = "ignored",
    }
}

/// A dead job in a list.
#[row]
pub struct DeadJob {
    /// Its id.
    pub id: Uuid,
    /// The job that failed.
    pub flow_run_id: Uuid,
    /// The job's kind.
    pub flow_name: String,
    /// Why it failed, in a word.
    pub error_type: Option<String>,
    /// Why it failed, in a sentence.
    pub error_message: Option<String>,
    /// When it failed for good.
    pub failed_at: Time,
    /// What became of it.
    pub status: DeadStatus,
    /// The chapter that it was about.
    pub chapter_id: Option<String>,
    /// The story that it was about.
    pub story_id: Option<String>,
}

/// A dead job with everything that is known of it.
#[row]
pub struct DeadJobDetail {
    /// The dead job.
    #[flatten]
    pub dead: DeadJob,
    /// Always null: jobs have no tasks.
    pub task_name: Option<String>,
    /// Whose it is.
    pub user_id: Uuid,
    /// What it was told.
    pub input_payload: Value,
    /// Always null: the log has the cause.
    pub stack_trace: Option<String>,
    /// How often it was tried again.
    pub original_retry_count: i32,
    /// When somebody saw to it.
    pub resolved_at: Option<Time>,
    /// Who saw to it.
    pub resolved_by: Option<Uuid>,
    /// What they said.
    pub resolution_notes: Option<String>,
    /// The job that goes on with it.
    pub retried_as: Option<Uuid>,
}

/// The dead job of a path.
#[input]
pub struct DeadJobPath {
    /// The dead job's id.
    pub dlq_id: Uuid,
}

/// Which dead jobs a list shows; all filters must hold.
#[input]
pub struct DeadJobFilter {
    /// Only those in this status.
    pub status: Option<DeadStatus>,
    /// Only those of this kind.
    pub flow_name: Option<Text<1, 60>>,
    /// Only those that failed before.
    pub failed_before: Option<Time>,
    /// How many at most.
    #[default]
    pub limit: Int<1, 200, 50>,
}

/// What somebody says of a dead job.
#[input]
pub struct Resolution {
    /// `resolved` or `ignored`.
    pub status: DeadStatus,
    /// Why.
    pub notes: Option<Text<0, 1000>>,
}

/// Which dead jobs are to be tried again; all filters must hold.
#[input]
pub struct RetryFilter {
    /// Only those of this kind.
    pub flow_name: Option<Text<1, 60>>,
    /// Only those that failed for this reason.
    pub error_type: Option<Text<1, 60>>,
    /// Only those that failed then or later.
    pub failed_after: Option<Time>,
}

/// The job that goes on with a dead one.
#[answer]
pub struct Retried {
    /// The job.
    pub job_id: Uuid,
    /// What it does.
    pub job_name: String,
    /// `queued`.
    pub status: &'static str,
}

/// The jobs that go on with dead ones.
#[answer]
pub struct RetriedMany {
    /// How many.
    pub retried_count: usize,
    /// The jobs.
    pub new_job_ids: Vec<Uuid>,
}

/// A dead job and the job that goes on with it.
#[derive(FromRow)]
pub struct Again {
    /// The job.
    pub job_id: Uuid,
    /// Its kind.
    pub kind: String,
}

/// The caller's dead jobs, for an admin everybody's, those that failed last first.
pub async fn list(tx: &Tx, user: &User, filter: &DeadJobFilter) -> Result<Vec<DeadJob>> {
    tx.list(
        "select dead.id, dead.job_id as flow_run_id, job.kind as flow_name, job.error_type, job.error_message, dead.failed_at,
                dead.status, job.parameters ->> 'chapter_id' as chapter_id, job.parameters ->> 'story_id' as story_id
         from (
             (select dead_jobs.* from platform.dead_jobs join platform.jobs on jobs.id = job_id
              where dead_jobs.user_id = $5 and ($1::text is null or status = $1) and ($2::text is null or kind = $2)
                and ($3::timestamptz is null or failed_at < $3)
              order by failed_at desc, dead_jobs.id desc limit $4)
             union all
             (select dead_jobs.* from platform.dead_jobs join platform.jobs on jobs.id = job_id
              where (select identity.request_has_role('admin')) and dead_jobs.user_id <> $5
                and ($1::text is null or status = $1) and ($2::text is null or kind = $2)
                and ($3::timestamptz is null or failed_at < $3)
              order by failed_at desc, dead_jobs.id desc limit $4)
         ) as dead join platform.jobs as job on job.id = dead.job_id
         order by dead.failed_at desc, dead.id desc
         limit $4",
        &[&filter.status, &filter.flow_name, &filter.failed_before, &filter.limit, &user.id],
    )
    .await
}

/// A dead job; 404 if it is not the caller's to see.
pub async fn get(tx: &Tx, id: Uuid) -> Result<DeadJobDetail> {
    let found = tx
        .find(
            "select dead.id, dead.job_id as flow_run_id, job.kind as flow_name, job.error_type, job.error_message, dead.failed_at,
                    dead.status, job.parameters ->> 'chapter_id' as chapter_id, job.parameters ->> 'story_id' as story_id,
                    null::text as task_name, dead.user_id, job.parameters as input_payload, null::text as stack_trace,
                    greatest(job.attempts - 1, 0)::integer as original_retry_count, dead.resolved_at, dead.resolved_by,
                    dead.notes as resolution_notes, dead.retried_as
             from platform.dead_jobs as dead join platform.jobs as job on job.id = dead.job_id
             where dead.id = $1",
            &[&id],
        )
        .await?;
    found.ok_or_else(missing)
}

fn missing() -> shared::error::Error {
    not_found("dead job not found")
}

/// Begins a dead job anew, with what it has done already. 409 if it is not pending any more, 404 if it is not the caller's to see.
pub async fn retry(tx: &Tx, id: Uuid) -> Result<Again> {
    if let Some(again) = begin_again(tx, vec![id]).await?.pop() {
        return Ok(again);
    }
    match get(tx, id).await?.dead.status {
        DeadStatus::Pending => Err(unavailable("the same work came to its end in this moment", 1)),
        status => Err(conflict(format!("dead job already {}", status.as_str()))),
    }
}

/// Begins pending dead jobs anew, those that failed first first; at most fifty of them.
pub async fn retry_many(tx: &Tx, filter: &RetryFilter) -> Result<Vec<Again>> {
    #[derive(FromRow)]
    struct Found {
        id: Uuid,
    }
    let found: Vec<Found> = tx
        .list(
            "select dead.id
             from platform.dead_jobs as dead join platform.jobs as job on job.id = dead.job_id
             where dead.status = 'pending' and ($1::text is null or job.kind = $1)
               and ($2::text is null or job.error_type = $2) and ($3::timestamptz is null or dead.failed_at >= $3)
             order by dead.failed_at, dead.id
             limit 50",
            &[&filter.flow_name, &filter.error_type, &filter.failed_after],
        )
        .await?;
    begin_again(tx, found.into_iter().map(|found| found.id).collect()).await
}

async fn begin_again(tx: &Tx, ids: Vec<Uuid>) -> Result<Vec<Again>> {
    let sql = "select job_id, kind from platform.retry_dead_jobs($1)";
    let again = tx.list(sql, &[&ids]).await;
    again.on_constraint("jobs_quota", || conflict("too many jobs are waiting; wait for some to end"))
}

/// Notes that somebody has seen to a dead job; whoever does it again changes what is noted. 409 for one that was tried again,
/// 404 if it is not the caller's to see.
pub async fn resolve(tx: &Tx, user: &User, id: Uuid, resolution: &Resolution) -> Result<DeadJobDetail> {
    if !matches!(resolution.status, DeadStatus::Resolved | DeadStatus::Ignored) {
        return Err(invalid_field("/status", "value", "Status must be 'resolved' or 'ignored'"));
    }
    let sql = "update platform.dead_jobs
               set status = $2, resolved_at = clock_timestamp(), resolved_by = $3, notes = $4
               where id = $1 and status <> 'retried'";
    let resolved = tx.execute(sql, &[&id, &resolution.status, &user.id, &resolution.notes]).await?;
    let dead = get(tx, id).await?;
    if resolved == 0 { Err(conflict("dead job already retried")) } else { Ok(dead) }
}
