//! The reader's side of a run.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{EventId, RunState};
use crate::auth::User;
use crate::database::{Db, FromRow};
use crate::error::{Result, not_found};
use crate::stream::Events;

/// How soon a reader looks for more, and how seldom while nothing comes.
const LOOKING: Duration = Duration::from_millis(300);
const WAITING: Duration = Duration::from_secs(1);

/// How a run ended that was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// With its last event.
    Ended,
    /// Its writer died; the reader has what there is up to here.
    Partial(EventId),
}

/// What a look finds.
#[derive(FromRow)]
struct Look {
    state: RunState,
    attempt: i32,
    is_abandoned: bool,
    #[json]
    rows: Vec<Kept>,
}

/// Some events, as they were kept.
#[derive(Deserialize)]
struct Kept {
    first: i32,
    names: Vec<String>,
    data: Vec<String>,
}

/// The data of an event whose name says all.
#[derive(Serialize)]
struct Nothing {}

/// Writes the run's events after `after` until its end, those to come included. No connection is held while there is nothing
/// new. A reader of another run or of an earlier attempt is told `anew` first. 404 if the run is not the caller's.
pub async fn follow(
    db: &Db,
    user: &User,
    run_id: Uuid,
    after: Option<EventId>,
    events: &Events,
) -> Result<Followed> {
    // An id of attempt 0 is before all that was written.
    let mut place = after.unwrap_or(EventId { run: run_id, attempt: 0, number: 0 });
    let mut has_other = after.is_some();
    let mut pause = LOOKING;
    loop {
        let look = look(db, user, run_id, place).await?;
        db.release().await;
        if place.run != run_id || place.attempt != look.attempt {
            place = EventId { run: run_id, attempt: look.attempt, number: 0 };
            if has_other {
                events.send_line(place, "anew", &serde_json::to_string(&Nothing {})?).await;
            }
        }
        has_other = true;
        for Kept { first, names, data } in look.rows {
            for ((number, name), line) in (first..).zip(names).zip(data) {
                if number > place.number {
                    pause = LOOKING;
                    place.number = number;
                    events.send_line(place, &name, &line).await;
                }
            }
        }
        match look.state {
            RunState::Finished | RunState::Stopped => return Ok(Followed::Ended),
            RunState::Partial => return Ok(Followed::Partial(place)),
            RunState::Writing if look.is_abandoned => {
                give_up(db, user, run_id).await?;
                db.release().await;
                // Somebody may have begun it anew in this moment: then there is more to read.
            }
            RunState::Writing => {
                tokio::time::sleep(pause).await;
                pause = (pause * 5 / 4).min(WAITING);
            }
        }
    }
}

async fn look(db: &Db, user: &User, run_id: Uuid, place: EventId) -> Result<Look> {
    let tx = db.begin(user).await?;
    let attempt = if place.run == run_id { place.attempt } else { 0 };
    let found = tx
        .find(
            "select state, attempt, state = 'writing' and claimed_until <= clock_timestamp() as is_abandoned,
                    coalesce((select jsonb_agg(jsonb_build_object('first', first, 'names', names, 'data', data)
                                               order by first)
                              from platform.run_events as kept
                              where kept.run_id = runs.id and kept.attempt = runs.attempt
                                and first + cardinality(names) - 1 > case when runs.attempt = $2 then $3 else 0 end),
                             '[]') as rows
             from platform.runs where id = $1",
            &[&run_id, &attempt, &place.number],
        )
        .await?;
    found.ok_or_else(|| not_found("run not found"))
}

async fn give_up(db: &Db, user: &User, run_id: Uuid) -> Result<u64> {
    let tx = db.begin(user).await?;
    let sql = "update platform.runs set state = 'partial', finished_at = clock_timestamp()
               where id = $1 and state = 'writing' and claimed_until <= clock_timestamp()";
    tx.commit_with(async |tx| tx.execute(sql, &[&run_id]).await).await
}
