//! Work in the background, as its person sees it; an admin sees everybody's.
//!
//! The words of the wire are those of the earlier writing backend, beside which `state` has ours.

use serde_json::Value;
use shared::keyset::{Keyset, KeysetPage, KeysetPaging, Place};
use shared::prelude::*;

text_enum! {
    /// Where a job is in its life.
    pub enum JobState {
        /// It waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// It is done.
        Succeeded = "succeeded",
        /// It failed for good.
        Failed = "failed",
        /// It was called off.
        Cancelled = "cancelled",
    }
}

text_enum! {
    /// How a job stands, in the words of the earlier backend.
    pub enum JobStatus {
        /// It waits for a worker.
        Queued = "queued",
        /// It failed and is tried again.
        Retry = "retry",
        /// A worker has it.
        Progress = "progress",
        /// It is done.
        Success = "success",
        /// It failed for good, or was called off.
        Failure = "failure",
    }
}

/// A job.
#[row]
pub struct Job {
    /// The job.
    pub job_id: Uuid,
    /// What is done: `<domain>.<what>`.
    pub kind: String,
    /// What it works on.
    pub subject: Option<Uuid>,
    /// How it stands.
    #[read(status)]
    pub status: JobStatus,
    /// Where it is in its life.
    pub state: JobState,
    /// When it was asked for.
    pub queued_at: Time,
    /// When a worker first began it.
    pub started_at: Option<Time>,
    /// When it ended.
    #[read(|row| row.get("finished_at"))]
    pub completed_at: Option<Time>,
    /// How far it is, if it says so.
    #[read(progress)]
    pub progress: Option<Progress>,
    /// What came of it.
    pub result: Option<Value>,
    /// Why it failed, in a sentence.
    #[read(|row| row.get("error_message"))]
    pub error: Option<String>,
    /// Why it failed, in a word.
    pub error_type: Option<String>,
    /// How often it was tried again.
    #[read(|row| Ok((row.get::<i16>("attempts")? - 1).max(0)))]
    pub retry_count: i16,
    /// How often it is tried again at most.
    #[read(|row| Ok(row.get::<i16>("max_attempts")? - 1))]
    pub max_retries: i16,
    /// When it is tried again, if it failed and is.
    #[read(next_retry_at)]
    pub next_retry_at: Option<Time>,
    /// How it stands, in a sentence.
    #[read(message)]
    pub message: Option<String>,
    /// Whether it was asked to end.
    #[read(|row| Ok(row.get::<Option<Time>>("cancel_requested_at")?.is_some()))]
    pub is_cancel_requested: bool,
    /// Which failed job it goes on with.
    pub retry_of: Option<Uuid>,
}

/// How far a job is.
#[answer]
pub struct Progress {
    /// So many are done.
    pub current: i32,
    /// Of so many.
    pub total: i32,
    /// At what it is.
    pub chapter: Option<String>,
    /// 0 to 100.
    pub percent: i32,
}

/// The job of a path.
#[input]
pub struct JobPath {
    /// The job's id.
    pub job_id: Uuid,
}

/// Which jobs a list shows; all filters must hold.
#[input]
pub struct JobFilter {
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of this kind.
    pub kind: Option<Text<1, 60>>,
}

impl Keyset for Job {
    const LIST: &'static str = "JobPage";

    fn place(&self) -> Place {
        Place { at: self.queued_at, id: self.job_id }
    }
}

fn status(row: &Row) -> Result<JobStatus> {
    Ok(match row.get("state")? {
        JobState::Queued if row.get::<i16>("attempts")? > 0 => JobStatus::Retry,
        JobState::Queued => JobStatus::Queued,
        JobState::Running => JobStatus::Progress,
        JobState::Succeeded => JobStatus::Success,
        JobState::Failed | JobState::Cancelled => JobStatus::Failure,
    })
}

fn progress(row: &Row) -> Result<Option<Progress>> {
    let (current, total): (Option<i32>, Option<i32>) =
        (row.get("progress_current")?, row.get("progress_total")?);
    let (Some(current), Some(total)) = (current, total) else { return Ok(None) };
    let percent = i64::from(current) * 100 / i64::from(total.max(1));
    let percent = i32::try_from(percent.clamp(0, 100)).unwrap_or(100);
    Ok(Some(Progress { current, total, chapter: row.get("progress_at")?, percent }))
}

fn next_retry_at(row: &Row) -> Result<Option<Time>> {
    let is_retried = row.get::<JobState>("state")? == JobState::Queued && row.get::<i16>("attempts")? > 0;
    if is_retried { row.get("run_after").map(Some) } else { Ok(None) }
}

/// The result may say it in words of its own.
fn message(row: &Row) -> Result<Option<String>> {
    let is_cancelled = row.get::<Option<Time>>("cancel_requested_at")?.is_some();
    let sentence = match row.get("state")? {
        JobState::Queued => "Task queued, waiting to start",
        JobState::Running if is_cancelled => return Ok(None),
        JobState::Running => "Processing...",
        JobState::Succeeded => {
            let result: Option<Value> = row.get("result")?;
            let own = result.as_ref().and_then(|result| result["message"].as_str());
            return Ok(Some(own.unwrap_or("Task complete!").to_owned()));
        }
        JobState::Failed => "Task failed",
        JobState::Cancelled => return Ok(None),
    };
    Ok(Some(sentence.to_owned()))
}

/// A page of the caller's jobs, for an admin of everybody's, the newest first. One's own are read by an index of theirs: the
/// policy alone, which knows admins as well, would have everybody's read.
pub async fn list(
    tx: &Tx,
    user: &User,
    filter: &JobFilter,
    paging: KeysetPaging<Job>,
) -> Result<KeysetPage<Job>> {
    let jobs = tx
        .list(
            "select id as job_id, kind, subject, state, attempts, max_attempts, run_after, queued_at, started_at, finished_at,
                    progress_current, progress_total, progress_at, result, error_type, error_message, cancel_requested_at, retry_of
             from (
                 (select * from platform.jobs
                  where user_id = $6 and ($1::timestamptz is null or (queued_at, id) < ($1, $2))
                    and ($4::text is null or state = $4) and ($5::text is null or kind = $5)
                  order by queued_at desc, id desc limit $3)
                 union all
                 (select * from platform.jobs
                  where (select identity.request_has_role('admin')) and user_id <> $6
                    and ($1::timestamptz is null or (queued_at, id) < ($1, $2))
                    and ($4::text is null or state = $4) and ($5::text is null or kind = $5)
                  order by queued_at desc, id desc limit $3)
             ) as jobs
             order by queued_at desc, id desc
             limit $3",
            &[&paging.after_time(), &paging.after_id(), &paging.rows(), &filter.state, &filter.kind, &user.id],
        )
        .await?;
    Ok(paging.page(jobs))
}

/// A job; 404 if it is not the caller's to see.
pub async fn get(tx: &Tx, job_id: Uuid) -> Result<Job> {
    let found = tx
        .find(
            "select id as job_id, kind, subject, state, attempts, max_attempts, run_after, queued_at, started_at, finished_at,
                    progress_current, progress_total, progress_at, result, error_type, error_message, cancel_requested_at, retry_of
             from platform.jobs where id = $1",
            &[&job_id],
        )
        .await?;
    found.ok_or_else(|| not_found("job not found"))
}

/// Calls a job off: one that waits is cancelled, one that runs ends at its next step. 409 for one that has ended, 404 if it is not
/// the caller's to see.
pub async fn cancel(tx: &Tx, job_id: Uuid) -> Result<Job> {
    let sql = "update platform.jobs
               set cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
                   state = case state when 'queued' then 'cancelled' else state end,
                   finished_at = case state when 'queued' then clock_timestamp() end
               where id = $1 and state in ('queued', 'running')";
    let called_off = tx.execute(sql, &[&job_id]).await?;
    let job = get(tx, job_id).await?;
    match job.state {
        _ if called_off > 0 => Ok(job),
        JobState::Succeeded => Err(conflict("the job is done")),
        JobState::Failed => Err(conflict("the job has failed")),
        _ => Err(conflict("the job was called off")),
    }
}
