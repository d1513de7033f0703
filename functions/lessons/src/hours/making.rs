//! The slots that are made of a schedule.

use jiff::{SignedDuration, Timestamp};
use shared::prelude::*;

use super::projection::{self, Existing};
use super::{ChangedSlot, Changes, Outside, Schedule, expansion, stored};
use crate::booking::BookingStatus;
use crate::slot::{self, Interval};

/// A slot that is not over, as it is stored.
#[derive(FromRow)]
struct StoredSlot {
    id: Uuid,
    start_at: Time,
    end_at: Time,
    is_fixed: bool,
    is_withdrawn: bool,
}

/// A live booking.
#[derive(FromRow)]
struct Live {
    id: Uuid,
    start_at: Time,
    end_at: Time,
    status: BookingStatus,
}

/// Makes the slots of hours that are locked, and takes away what they have no more and nobody has booked. In one flight that
/// ends the transaction. For a teacher who does not teach any more, there are no hours.
pub async fn project(tx: Tx, schedule: &Schedule, is_teaching: bool) -> Result<Changes> {
    let now = Timestamp::now();
    let teacher_id = schedule.teacher_id;
    let (_, slots, live) = tokio::try_join!(biased; lock_slots(&tx, teacher_id), slots_of(&tx, teacher_id), live_of(&tx, teacher_id))?;
    let horizon = Time(now.checked_add(SignedDuration::from_hours(24 * i64::from(schedule.horizon_days)))?);
    let end_at = live.iter().map(|booking| booking.end_at).chain([horizon]).max().unwrap_or(horizon);
    let range = Interval { start_at: Time(now), end_at };
    let exceptions = stored::exceptions_of(&tx, teacher_id, range).await?;
    let mut wanted = if is_teaching {
        projection::wanted(
            &stored::occurrences(schedule, &exceptions, range)?,
            &stored::time_off(&exceptions),
        )
    } else {
        Vec::new()
    };
    let by_hand = slots.iter().filter(|slot| slot.is_fixed && !slot.is_withdrawn);
    let by_hand = by_hand.map(|slot| Interval { start_at: slot.start_at, end_at: slot.end_at });
    let all: Vec<Interval> = wanted.iter().copied().chain(by_hand).collect();
    let all = expansion::union(&all);
    wanted.retain(|interval| interval.end_at.0 > now && interval.start_at < horizon);

    let time = |start_at, end_at| Interval { start_at, end_at };
    let existing: Vec<Existing> = slots
        .iter()
        .map(|slot| Existing { id: slot.id, time: time(slot.start_at, slot.end_at), is_fixed: slot.is_fixed })
        .collect();
    let lessons: Vec<Interval> = live.iter().map(|booking| time(booking.start_at, booking.end_at)).collect();
    let plan = projection::plan(&wanted, &existing, &lessons);
    let outside = live
        .into_iter()
        .filter(|booking| booking.end_at.0 > now)
        .filter(|booking| !expansion::without(time(booking.start_at, booking.end_at), &all).is_empty())
        .map(|booking| Outside {
            booking_id: booking.id,
            start_at: booking.start_at,
            end_at: booking.end_at,
            status: booking.status,
        })
        .collect();
    let named = |(id, interval): (Uuid, Interval)| ChangedSlot {
        id,
        start_at: interval.start_at,
        end_at: interval.end_at,
    };
    let cut: Vec<ChangedSlot> = plan.cut.into_iter().map(named).collect();
    let make: Vec<ChangedSlot> =
        plan.make.into_iter().map(|interval| named((Uuid::now_v7(), interval))).collect();
    let made = tx
        .commit_with(async |tx| {
            let (_, _, made) = tokio::try_join!(
                biased;
                withdraw(tx, &plan.withdraw),
                shorten(tx, &cut),
                make_slots(tx, teacher_id, &make),
            )?;
            Ok(made)
        })
        .await?;
    Ok(Changes { made, withdrawn: plan.withdraw, cut, outside })
}

/// Nobody books in the slots of the hours meanwhile.
async fn lock_slots(tx: &Tx, teacher_id: Uuid) -> Result<u64> {
    tx.execute(
        "select from lessons.slots
         where teacher_id = $1 and withdrawn_at is null and source = 'rule' and ends_at > now()
         order by id for update",
        &[&teacher_id],
    )
    .await
}

/// After the lock and in a statement of its own, so that it sees who was waited for.
async fn slots_of(tx: &Tx, teacher_id: Uuid) -> Result<Vec<StoredSlot>> {
    tx.list(
        "select id, starts_at as start_at, ends_at as end_at, withdrawn_at is not null as is_withdrawn,
                source = 'hand' or blocked_at is not null or withdrawn_at is not null as is_fixed
         from lessons.slots
         where teacher_id = $1 and ends_at > now()
           and (withdrawn_at is null or is_withdrawn_by_hand and source = 'rule')",
        &[&teacher_id],
    )
    .await
}

/// The lessons and holds of a teacher to come, and of the last day, in which a slot may still be.
async fn live_of(tx: &Tx, teacher_id: Uuid) -> Result<Vec<Live>> {
    tx.list(
        "select id, starts_at as start_at, ends_at as end_at, state as status
         from lessons.bookings
         where teacher_id = $1 and ends_at > now() - interval '24 hours'
           and (state = 'confirmed' or state = 'hold' and hold_expires_at > now())
         order by starts_at, id",
        &[&teacher_id],
    )
    .await
}

async fn withdraw(tx: &Tx, slots: &Vec<Uuid>) -> Result<u64> {
    tx.execute(
        "update lessons.slots set withdrawn_at = now(), updated_at = now() where id = any ($1)",
        &[slots],
    )
    .await
}

async fn shorten(tx: &Tx, slots: &[ChangedSlot]) -> Result<u64> {
    tx.execute(
        "update lessons.slots set starts_at = cut.start_at, ends_at = cut.end_at, updated_at = now()
         from jsonb_to_recordset($1) as cut (id uuid, start_at timestamptz, end_at timestamptz)
         where slots.id = cut.id",
        &[&serde_json::to_value(slots)?],
    )
    .await
}

/// A slot that somebody publishes there by hand at the same moment wins.
async fn make_slots(tx: &Tx, teacher_id: Uuid, slots: &[ChangedSlot]) -> Result<Vec<ChangedSlot>> {
    tx.list(
        "with made as (
             insert into lessons.slots (id, teacher_id, source, starts_at, ends_at)
             select id, $1, 'rule', start_at, end_at
             from jsonb_to_recordset($2) as new (id uuid, start_at timestamptz, end_at timestamptz)
             order by start_at
             on conflict do nothing
             returning id, starts_at, ends_at
         )
         select id, starts_at as start_at, ends_at as end_at from made order by starts_at",
        &[&teacher_id, &serde_json::to_value(slots)?],
    )
    .await
    .on_constraint("slots_role", slot::not_a_teacher)
}

/// A teacher whose slots are to be made.
#[derive(FromRow)]
pub struct Due {
    /// The teacher.
    pub teacher_id: Uuid,
    /// Whether they still teach.
    pub is_teaching: bool,
}

/// The next teachers with hours, by their ids; for the job.
pub async fn due(tx: &Tx, after: Option<Uuid>) -> Result<Vec<Due>> {
    tx.list(
        "select teacher_id,
                'teacher' = any (roles) and deactivated_at is null and deletion_requested_at is null as is_teaching
         from lessons.schedules join identity.users on users.id = teacher_id
         where $1::uuid is null or teacher_id > $1
         order by teacher_id limit 100",
        &[&after],
    )
    .await
}
