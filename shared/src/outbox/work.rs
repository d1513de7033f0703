//! The worker's side of the outbox.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::database::{FromRow, Tx};
use crate::error::Result;

/// After so many attempts a message is dead: an hour of trying, on average half of that.
const MAX_ATTEMPTS: i32 = 8;

/// A message that is this worker's until its lease ends.
#[derive(Debug, Clone, FromRow)]
pub struct Claimed {
    /// The row's id.
    pub id: Uuid,
    /// The same for every delivery of this message.
    pub dedup_key: String,
    /// What [`Message`](super::Message) said.
    pub payload: Value,
    /// This attempt's number, from 1.
    pub attempts: i32,
    claim: Uuid,
}

/// Why an attempt failed, in words without content and without an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// May pass: tried again later, until the message has had all its attempts.
    Passing(String),
    /// Will not pass: dead at once.
    Permanent(String),
}

/// Which dead messages.
#[derive(Debug, Clone)]
pub enum Dead {
    /// All of the topic.
    All,
    /// Those of these ids.
    Ids(Vec<Uuid>),
}

/// Takes up to `limit` due messages for `lease`: one for each address in turn, the oldest first, so that many for one of
/// them delay nobody else's. Commit before the work begins. What another worker is
/// just taking is skipped; what one took and never finished is there again when its lease has ended.
pub async fn claim(tx: &Tx, topic: &str, limit: i64, lease: Duration) -> Result<Vec<Claimed>> {
    let (buried, claimed) = tokio::try_join!(biased; bury(tx, topic), take(tx, topic, limit, lease))?;
    if buried > 0 {
        tracing::error!(topic, buried, reason = UNFINISHED, "outbox message is dead");
    }
    Ok(claimed)
}

async fn take(tx: &Tx, topic: &str, limit: i64, lease: Duration) -> Result<Vec<Claimed>> {
    tx.list(
        // A window knows no locks, so the turns are told first, and more of them than are taken: another worker may be
        // taking some of them at this moment.
        "with oldest as (
             select id, receiver, due_at from platform.outbox
             where topic = $1 and state = 'pending' and due_at <= now()
               and (claimed_until is null or claimed_until <= now())
             order by due_at
             limit 1000
         ),
         in_turn as materialized (
             select id, row_number() over (order by turn, due_at) as place
             from (select id, due_at,
                          row_number() over (partition by coalesce(receiver, uuid_send(id)) order by due_at) as turn
                   from oldest) as turns
             order by place
             limit $2 * 10
         ),
         due as (
             select message.id
             from in_turn join platform.outbox as message using (id)
             where state = 'pending' and (claimed_until is null or claimed_until <= now())
             order by place
             limit $2
             for update of message skip locked
         )
         update platform.outbox as message
         set claim = $3, claimed_until = now() + $4 * interval '1 second', attempts = attempts + 1
         from due where message.id = due.id
         returning message.id, dedup_key, payload, attempts, claim",
        &[&topic, &limit, &Uuid::new_v4(), &lease.as_secs_f64()],
    )
    .await
}

/// Why a message is dead whose workers never reported back: it may be what kills them.
const UNFINISHED: &str = "no worker finished it";

async fn bury(tx: &Tx, topic: &str) -> Result<u64> {
    tx.execute(
        "update platform.outbox
         set state = 'dead', last_error = $3, claim = null, claimed_until = null
         where id in (select id from platform.outbox
                      where topic = $1 and state = 'pending' and attempts >= $2 and claimed_until <= now()
                      for update skip locked)",
        &[&topic, &MAX_ATTEMPTS, &UNFINISHED],
    )
    .await
}

/// The work is done, and the payload is cleared. That counts even when the lease has ended meanwhile: what is out is
/// out.
pub async fn done(tx: &Tx, message: &Claimed) -> Result<()> {
    tx.execute(
        "update platform.outbox
         set state = 'done', done_at = now(), payload = '{}', last_error = null, claim = null, claimed_until = null
         where id = $1 and state <> 'done'",
        &[&message.id],
    )
    .await?;
    Ok(())
}

/// The attempt failed: it is due again after a random part of a wait that doubles, or dead. Counts only while the message is
/// still this worker's. The log says so either way.
pub async fn failed(tx: &Tx, message: &Claimed, failure: &Failure) -> Result<()> {
    let (reason, is_dead) = match failure {
        Failure::Passing(reason) => (reason, message.attempts >= MAX_ATTEMPTS),
        Failure::Permanent(reason) => (reason, true),
    };
    if is_dead {
        tracing::error!(id = %message.id, attempts = message.attempts, reason, "outbox message is dead");
    } else {
        tracing::warn!(id = %message.id, attempts = message.attempts, reason, "outbox message failed");
    }
    tx.execute(
        "update platform.outbox
         set state = case when $3 then 'dead' else 'pending' end,
             due_at = now() + greatest(5, random() * $4) * interval '1 second',
             last_error = left($5, 200), claim = null, claimed_until = null
         where id = $1 and claim = $2",
        &[&message.id, &message.claim, &is_dead, &backoff(message.attempts).as_secs_f64(), reason],
    )
    .await?;
    Ok(())
}

/// The longest wait after this attempt: 30 s, doubled with each attempt, an hour at most. The wait itself is a random
/// part of it ("full jitter") of 5 s at least, so that what failed together does not come back together.
/// Source: <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
pub(crate) fn backoff(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(16);
    Duration::from_secs(30 << doublings).min(Duration::from_secs(60 * 60))
}

/// Gives dead messages of a topic all their attempts again, from now on; gives their number.
pub async fn replay(tx: &Tx, topic: &str, which: &Dead) -> Result<u64> {
    let ids = match which {
        Dead::All => None,
        Dead::Ids(ids) => Some(ids.clone()),
    };
    tx.execute(
        "update platform.outbox set state = 'pending', attempts = 0, due_at = now()
         where topic = $1 and state = 'dead' and ($2::uuid[] is null or id = any ($2))",
        &[&topic, &ids],
    )
    .await
}

/// Deletes messages that are done or dead and older than `days`; gives their number. Their dedup keys are free again. Dead
/// ones still hold what was to be done: who knows for how long that is worth trying deletes them sooner.
pub async fn purge(tx: &Tx, days: i32) -> Result<u64> {
    tx.execute(
        "delete from platform.outbox
         where state in ('done', 'dead') and created_at < now() - $1 * interval '1 day'",
        &[&days],
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        let seconds: Vec<u64> = (1..=9).map(|attempt| backoff(attempt).as_secs()).collect();
        assert_eq!(seconds, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    }
}
