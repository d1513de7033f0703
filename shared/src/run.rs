//! Runs: answers that are kept as they are written.
//!
//! Nobody tells a function that its reader has left. So what it writes is a run, which goes on without readers, and whoever
//! comes back, also to another sandbox, reads on from the last event that they have. A stop is a request in the run's row,
//! which the writer looks at. Whoever begins a run holds a claim on it, which each look renews; a writer that dies leaves one
//! that runs out, and then the run is partial, or somebody else begins its next attempt. What an earlier attempt wrote is
//! void: its readers are told by an event `anew`.
//!
//! Events go to the reader at once and to the database a moment later, several at a time. An event's id is
//! `<run>-<attempt>-<number>`.

mod follow;
mod last_event;
mod writer;

use crate::auth::User;
use crate::database::{FromRow, Tx};
use crate::error::{Result, not_found, unavailable};
use crate::macros::{answer, input};
use crate::text_enum;
use uuid::Uuid;

pub use follow::{Followed, follow};
pub use last_event::{EventId, LastEvent};
pub use writer::{During, Writer};

/// How long a writer may be silent before its run is taken for abandoned, in seconds.
const CLAIM_SECONDS: f64 = 45.0;

text_enum! {
    /// Where a run is in its life.
    pub enum RunState {
        /// It is being written.
        Writing = "writing",
        /// It came to its end.
        Finished = "finished",
        /// It was stopped; what was written until then is the answer.
        Stopped = "stopped",
        /// Its writer died; what is kept is not the whole answer.
        Partial = "partial",
    }
}

/// The run of a path.
#[input]
pub struct RunPath {
    /// The run's id, from its event `start` or the id of any of its events.
    pub run_id: Uuid,
}

/// A run that was asked to stop.
#[answer]
#[derive(FromRow)]
pub struct StoppedRun {
    /// The run's id.
    pub run_id: Uuid,
    /// `writing` until its writer has seen the request, which takes about a second.
    pub state: RunState,
}

/// An attempt at a run, which is this writer's as long as it is not silent for too long.
#[derive(Debug, Clone)]
pub struct Run {
    /// The run.
    pub id: Uuid,
    attempt: i32,
    claim: Uuid,
}

/// A run as somebody finds it who does not write it.
#[derive(Debug, FromRow)]
pub struct Found {
    /// The run.
    pub id: Uuid,
    /// Whether somebody writes it now.
    pub is_written: bool,
}

/// Begins the run of `subject`, or its next attempt where the last one's writer died. Must be in the transaction that reserves
/// the work. 503 if somebody else writes it now, or it has come to its end.
pub async fn begin(tx: &Tx, user: &User, kind: &str, subject: Uuid) -> Result<Run> {
    #[derive(FromRow)]
    struct Begun {
        id: Uuid,
        attempt: i32,
    }
    let claim = Uuid::new_v4();
    let begun: Option<Begun> = tx
        .find(
            "with begun as (
                 insert into platform.runs (id, user_id, kind, subject, claim, claimed_until)
                 values ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 second')
                 on conflict on constraint runs_subject do update
                 set attempt = runs.attempt + 1, claim = excluded.claim, claimed_until = excluded.claimed_until,
                     state = 'writing', stop_requested_at = null, events = 0, finished_at = null
                 where runs.state = 'partial' or runs.state = 'writing' and runs.claimed_until <= clock_timestamp()
                 returning id, attempt
             ), void as (
                 delete from platform.run_events using begun
                 where run_id = begun.id and run_events.attempt < begun.attempt
             )
             select id, attempt from begun",
            &[&Uuid::now_v7(), &user.id, &kind, &subject, &claim, &CLAIM_SECONDS],
        )
        .await?;
    let Begun { id, attempt } = begun.ok_or_else(|| unavailable("the answer is being written", 1))?;
    Ok(Run { id, attempt, claim })
}

/// The run of `subject`, if it is one of the caller's and is still kept.
pub async fn find(tx: &Tx, kind: &str, subject: Uuid) -> Result<Option<Found>> {
    tx.find(
        "select id, state = 'writing' and claimed_until > clock_timestamp() as is_written
         from platform.runs where kind = $1 and subject = $2",
        &[&kind, &subject],
    )
    .await
}

/// Whether the run is the caller's and still kept.
pub async fn exists(tx: &Tx, run_id: Uuid) -> Result<bool> {
    Ok(tx.execute("select from platform.runs where id = $1", &[&run_id]).await? > 0)
}

/// Asks the run's writer to stop; one that has ended stays as it is. 404 unless it is the caller's.
pub async fn stop(tx: &Tx, run_id: Uuid) -> Result<StoppedRun> {
    let found = tx
        .find(
            "with asked as (
                 update platform.runs set stop_requested_at = clock_timestamp()
                 where id = $1 and state = 'writing' and stop_requested_at is null
             )
             select id as run_id, state from platform.runs where id = $1",
            &[&run_id],
        )
        .await?;
    found.ok_or_else(|| not_found("run not found"))
}
