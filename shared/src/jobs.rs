//! Work that outlives its request: a row of `platform.jobs` is the queue.
//!
//! A route puts a job in with [`enqueue`], in the transaction that wants it, and after the commit nudges the domain's worker with
//! [`crate::nudge`]. The worker ([`worker`]) takes due jobs of its kinds one after the other. Every write of a job is a
//! transaction that holds only while the job is still this worker's and nobody has called it off ([`Job::step`],
//! [`Job::finish`]); so a worker that was frozen beyond its lease writes nothing, and a cancelled job neither. A job
//! that kills its workers ends after so many of them. A minute's schedule finds what no message told of.
//!
//! ```text
//! queued  -claim->  running  -finish->  succeeded         queued -cancel-> cancelled
//! running -may pass-> queued, a while later               running -cancel-> cancelled at the next step
//! running -lost, or for good-> failed, and a dead letter  dead letter -retry-> a new job, with the steps that are done
//! ```

mod claim;
mod work;

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::database::{FromRow, OnConstraint, Tx};
use crate::error::{Result, conflict, internal};

pub use work::{Done, FailedJob, Failure, Job, Kind, worker};

/// Work to put in.
#[derive(Debug)]
pub struct NewJob<'a> {
    /// `<domain>.<what is done>`, which the domain's worker knows.
    pub kind: &'static str,
    /// Whose it is: it is in their list, and goes with them.
    pub user_id: Uuid,
    /// What it works on. While a job of the kind waits or runs for it, the same work asked for again is that job; without a
    /// subject each is its own.
    pub subject: Option<Uuid>,
    /// A JSON object for the worker, which its person sees in the export.
    pub parameters: &'a Value,
    /// How many seconds from now it may begin.
    pub wait_seconds: f64,
}

/// A job that was put in, or was there.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Enqueued {
    /// The job.
    pub job_id: Uuid,
    /// Whether it does the same as one that was waiting or running already, which is then this one.
    pub is_known: bool,
}

/// Puts a job in, or finds the one that does the same. It begins once the transaction is committed, and at once if the caller
/// nudges its worker then. 409 if as many jobs wait for the person as may.
pub async fn enqueue(tx: &Tx, new: &NewJob<'_>) -> Result<Enqueued> {
    #[derive(FromRow)]
    struct Known {
        id: Uuid,
    }
    // The one that was there may end between the two statements: then the place is free.
    for _ in 0..3 {
        let job_id = Uuid::now_v7();
        let put_in = tx
            .execute(
                "insert into platform.jobs (id, user_id, kind, subject, parameters, run_after)
                 values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
                 on conflict do nothing",
                &[&job_id, &new.user_id, &new.kind, &new.subject, new.parameters, &new.wait_seconds],
            )
            .await
            .on_constraint("jobs_quota", || conflict("too many jobs are waiting; wait for some to end"))?;
        if put_in > 0 {
            return Ok(Enqueued { job_id, is_known: false });
        }
        let known: Option<Known> = tx
            .find(
                "select id from platform.jobs
                 where user_id = $1 and kind = $2 and subject = $3 and state in ('queued', 'running')",
                &[&new.user_id, &new.kind, &new.subject],
            )
            .await?;
        if let Some(Known { id }) = known {
            return Ok(Enqueued { job_id: id, is_known: true });
        }
    }
    Err(internal("a job could neither be put in nor found"))
}

/// Tells the worker of `kind` that there is work, after the commit: see [`crate::nudge::send`].
pub async fn nudge(kind: &str) {
    crate::nudge::send(kind.split('.').next().unwrap_or(kind)).await;
}
