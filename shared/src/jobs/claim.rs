//! Which job a worker takes, and what becomes of those that no worker finished.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::database::{FromRow, OnConstraint, Tx};
use crate::error::{Result, conflict};

/// A job that is this worker's until its lease ends.
#[derive(Debug, Clone, FromRow)]
pub(super) struct Claimed {
    pub(super) id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) kind: String,
    pub(super) subject: Option<Uuid>,
    pub(super) parameters: Value,
    pub(super) attempts: i16,
    pub(super) max_attempts: i16,
    /// Whether it has waited for longer than a day.
    pub(super) is_old: bool,
    pub(super) claim: Uuid,
}

/// Takes the due job of these kinds that waits longest, of those whose person has none of its kind running. What another worker
/// is just taking is skipped. 409 if another worker took one of the same person in this moment: then ask again.
pub(super) async fn claim(tx: &Tx, kinds: &[String], lease: Duration) -> Result<Option<Claimed>> {
    tx.find(
        "with due as (
             select job.id
             from unnest($1::text[]) as known (kind)
             cross join lateral (
                 select id, run_after from platform.jobs as job
                 where job.kind = known.kind and state = 'queued' and run_after <= now()
                   and not exists (select from platform.jobs as other
                                   where other.user_id = job.user_id and other.kind = job.kind and other.state = 'running')
                 order by run_after
                 limit 1
                 for update skip locked
             ) as job
             order by run_after
             limit 1
         )
         update platform.jobs as job
         set state = 'running', claim = $2, claimed_until = clock_timestamp() + $3 * interval '1 second',
             attempts = attempts + 1, started_at = coalesce(started_at, clock_timestamp())
         from due where job.id = due.id
         returning job.id, user_id, kind, subject, parameters, attempts, max_attempts, claim,
                   queued_at < now() - interval '1 day' as is_old",
        &[&kinds.to_vec(), &Uuid::new_v4(), &lease.as_secs_f64()],
    )
    .await
    .on_constraint("jobs_one_running", || conflict("somebody else's at this moment"))
}

/// A job whose worker's lease ran out.
#[derive(FromRow)]
pub(super) struct Lost {
    pub(super) id: Uuid,
    pub(super) user_id: Uuid,
    pub(super) kind: String,
    pub(super) subject: Option<Uuid>,
    pub(super) parameters: Value,
    pub(super) is_failed: bool,
}

/// Takes one job away from a worker that is dead, or frozen, if there is one: it is queued again, cancelled if that was asked for,
/// and failed with a dead letter when it had all its attempts, because it may be what kills the workers. Those of `passed` are
/// left alone.
pub(super) async fn sweep(tx: &Tx, kinds: &[String], passed: &[Uuid]) -> Result<Option<Lost>> {
    tx.find(
        "with expired as (
             select id from platform.jobs
             where kind = any ($1) and state = 'running' and claimed_until <= clock_timestamp() and id <> all ($2)
             order by claimed_until
             limit 1
             for update skip locked
         ),
         lost as (
             update platform.jobs as job
             set state = case when cancel_requested_at is not null then 'cancelled'
                              when attempts >= max_attempts then 'failed' else 'queued' end,
                 claim = null, claimed_until = null, run_after = clock_timestamp(),
                 error_type = case when cancel_requested_at is null then 'worker_lost' end,
                 error_message = case when cancel_requested_at is null then 'no worker finished it' end,
                 finished_at = case when cancel_requested_at is not null or attempts >= max_attempts
                                    then clock_timestamp() end
             from expired where job.id = expired.id
             returning job.id, user_id, kind, subject, parameters, state
         ),
         dead as (
             insert into platform.dead_jobs (id, job_id, user_id)
             select gen_random_uuid(), id, user_id from lost where state = 'failed'
         )
         select id, user_id, kind, subject, parameters, state = 'failed' as is_failed from lost",
        &[&kinds.to_vec(), &passed.to_vec()],
    )
    .await
}
