//! The writer's side of a run.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{CLAIM_SECONDS, EventId, Run};
use crate::auth::User;
use crate::database::{Db, FromRow, Tx};
use crate::error::{Result, unavailable};
use crate::stream::Events;

/// How often what was written is kept.
const KEEPING: Duration = Duration::from_millis(250);
/// How often the writer looks for a stop while it has nothing to keep, and how soon it tries again where it could not look.
const LOOKING: Duration = Duration::from_secs(1);

/// So many events are a row at most.
const SLICE: usize = 1000;

/// Writes the events of a run: to the reader at once, to the database several at a time.
pub struct Writer {
    db: Db,
    user: User,
    run: Run,
    events: Events,
    /// How many events this attempt has.
    count: i32,
    /// Those that are not kept yet: name and data.
    unkept: Vec<(&'static str, String)>,
    /// Those that the reader does not have yet.
    unsent: VecDeque<(EventId, &'static str, String)>,
    next_look: Instant,
}

/// What became of work during which the run was looked after.
#[derive(Debug)]
pub enum During<T> {
    /// It is done.
    Done(T),
    /// Somebody asked the run to stop; the work was given up.
    Stopped,
    /// The claim ran out and somebody else writes now; the work was given up.
    Lost,
}

#[derive(FromRow)]
struct Held {
    is_to_stop: bool,
}

impl Writer {
    /// The writer of `run`, whose transaction is committed.
    pub fn new(db: Db, user: User, run: Run, events: Events) -> Writer {
        let next_look = Instant::now() + KEEPING;
        let (unkept, unsent) = (Vec::new(), VecDeque::new());
        Writer { db, user, run, events, count: 0, unkept, unsent, next_look }
    }

    /// The run's id.
    pub fn run_id(&self) -> Uuid {
        self.run.id
    }

    /// Whether somebody else has begun it before: who follows it may have words of theirs, which are void.
    pub fn is_repeated(&self) -> bool {
        self.run.attempt > 1
    }

    /// The last event.
    pub fn place(&self) -> EventId {
        EventId { run: self.run.id, attempt: self.run.attempt, number: self.count }
    }

    /// Writes an event: the reader has it at once.
    pub async fn send(&mut self, name: &'static str, data: &impl Serialize) -> Result<()> {
        self.keep(name, data)?;
        self.send_kept().await;
        Ok(())
    }

    /// Adds an event that the reader gets by [`Writer::send_kept`], because it tells of what is not stored yet.
    pub fn keep(&mut self, name: &'static str, data: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(data)?;
        self.count += 1;
        self.unkept.push((name, line.clone()));
        self.unsent.push_back((self.place(), name, line));
        Ok(())
    }

    /// Sends the reader what they have not got yet.
    pub async fn send_kept(&mut self) {
        while let Some((id, name, line)) = self.unsent.pop_front() {
            self.events.send_line(id, name, &line).await;
        }
    }

    /// Does `work`, and meanwhile keeps what was written, renews the claim, and looks whether the run is to stop. No connection
    /// is held between two looks. A database that cannot be reached for a while changes nothing: the next look keeps the rest.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<During<T>> {
        let mut work = pin!(work);
        loop {
            if self.next_look <= Instant::now() {
                match self.look().await {
                    Ok(Some(Held { is_to_stop: false })) => {}
                    Ok(Some(Held { is_to_stop: true })) => return Ok(During::Stopped),
                    Ok(None) => return Ok(During::Lost),
                    Err(error) => {
                        let (cause, place) = (error.cause(), error.place());
                        tracing::warn!(run_id = %self.run.id, cause, place, "a run could not be kept");
                    }
                }
                self.db.release().await;
                let pause = if self.unkept.is_empty() { LOOKING } else { KEEPING };
                self.next_look = Instant::now() + pause;
            }
            tokio::select! {
                biased;
                done = &mut work => {
                    // What the work gives is about to be written, and is to be kept soon.
                    self.next_look = self.next_look.min(Instant::now() + KEEPING);
                    return Ok(During::Done(done));
                }
                () = sleep_until(self.next_look) => {}
            }
        }
    }

    /// Keeps what is not kept yet; none if the run is somebody else's by now.
    async fn look(&mut self) -> Result<Option<Held>> {
        let tx = self.db.begin(&self.user).await?;
        let slice = self.unkept.len().min(SLICE);
        let held = tx.commit_with(async |tx| self.store(tx, "writing", slice).await).await?;
        self.unkept.drain(..slice);
        Ok(held)
    }

    /// Whether the run is still this writer's: then it stays so to the end of the transaction, which must be the one that stores
    /// what was written. Otherwise nothing of it may be stored.
    pub async fn hold(&self, tx: &Tx) -> Result<bool> {
        let sql = "select from platform.runs where id = $1 and claim = $2 and state = 'writing' for update";
        Ok(tx.execute(sql, &[&self.run.id, &self.run.claim]).await? > 0)
    }

    /// Ends the run, with all its events, in the transaction that stores what was written.
    pub async fn end(&mut self, tx: &Tx, is_stopped: bool) -> Result<()> {
        let lost = || unavailable("somebody else writes the answer now", 1);
        while self.unkept.len() > SLICE {
            self.store(tx, "writing", SLICE).await?.ok_or_else(lost)?;
            self.unkept.drain(..SLICE);
        }
        let state = if is_stopped { "stopped" } else { "finished" };
        self.store(tx, state, self.unkept.len()).await?.ok_or_else(lost)?;
        self.unkept.clear();
        Ok(())
    }

    /// Keeps the oldest `count` events that are not kept. They say their place themselves: where the answer to a commit was lost, the
    /// next row is written over the same.
    async fn store(&self, tx: &Tx, state: &str, count: usize) -> Result<Option<Held>> {
        let slice = &self.unkept[..count];
        let names: Vec<String> = slice.iter().map(|(name, _)| (*name).to_owned()).collect();
        let data: Vec<String> = slice.iter().map(|(_, line)| line.clone()).collect();
        let kept = self.count - i32::try_from(self.unkept.len())?;
        tx.find(
            "with held as (
                 update platform.runs
                 set events = $7 + cardinality($4::text[]), state = $3,
                     claimed_until = clock_timestamp() + $6 * interval '1 second',
                     finished_at = case when $3 <> 'writing' then clock_timestamp() end
                 where id = $1 and claim = $2 and state = 'writing'
                 returning user_id, attempt, stop_requested_at is not null as is_to_stop
             ), kept as (
                 insert into platform.run_events (run_id, attempt, first, user_id, names, data)
                 select $1, attempt, $7 + 1, user_id, $4, $5 from held where cardinality($4::text[]) > 0
                 on conflict (run_id, attempt, first) do update set names = excluded.names, data = excluded.data
             )
             select is_to_stop from held",
            &[&self.run.id, &self.run.claim, &state, &names, &data, &CLAIM_SECONDS, &kept],
        )
        .await
    }
}
