//! Time of a teacher on offer. Whether a slot is free is never stored: its lessons and holds say so.

pub mod bulk;
pub mod offer;

use shared::error::Error;
use shared::prelude::*;

text_enum! {
    /// Whether a slot can be booked.
    pub enum SlotStatus {
        /// All of it, or a part that is long enough, is free.
        Open = "open",
        /// Somebody is about to book it.
        Hold = "hold",
        /// It is taken.
        Booked = "booked",
        /// It is offered no more.
        Canceled = "canceled",
        /// Its teacher or an admin keeps it back.
        Blocked = "blocked",
    }
}

/// A slot.
#[row]
pub struct Slot {
    /// Its id.
    pub id: Uuid,
    /// Whose time it is.
    pub teacher_id: Uuid,
    /// Which admin published it; null for one of the teacher's weekly hours.
    pub created_by_admin_id: Option<Uuid>,
    /// When it begins.
    pub start_at: Time,
    /// When it ends.
    pub end_at: Time,
    /// Whether it can be booked.
    pub status: SlotStatus,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// A slot that can be booked.
#[row]
pub struct OpenSlot {
    /// The slot.
    #[flatten]
    pub slot: Slot,
    /// The name on its teacher's card, if that is shown.
    pub teacher_name: Option<String>,
    /// What of it is free: without lessons, holds, and the teacher's breaks.
    #[json]
    pub free: Vec<Interval>,
}

/// A part of a slot, or another stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[answer]
pub struct Interval {
    /// When it begins.
    pub start_at: Time,
    /// When it ends.
    pub end_at: Time,
}

text_enum! {
    /// What a slot was made of.
    pub enum SlotSource {
        /// Somebody published it.
        Hand = "hand",
        /// It is of its teacher's weekly hours.
        Rule = "rule",
    }
}

/// A slot as its teacher and admins see it.
#[row]
pub struct SlotDetails {
    /// The slot.
    #[flatten]
    pub slot: Slot,
    /// What it was made of.
    pub source: SlotSource,
    /// Since when it is kept back.
    pub blocked_at: Option<Time>,
    /// Why it is kept back.
    pub blocked_reason: Option<String>,
}

/// What a new slot is made from.
#[input]
pub struct NewSlot {
    /// Whose time it is.
    pub teacher_id: Uuid,
    /// When it begins; without an offset, in UTC.
    pub start_at: Time,
    /// When it ends, at most 24 hours later; without an offset, in UTC.
    pub end_at: Time,
}

/// Which slots a list shows.
#[input]
pub struct OpenSlotFilter {
    /// Only those of this teacher.
    pub teacher_id: Option<Uuid>,
    /// Only those that begin at this moment or later.
    pub from: Option<Time>,
    /// Only those that begin before this moment.
    pub to: Option<Time>,
}

/// Which slots an admin's list shows.
#[input]
pub struct SlotFilter {
    /// Only those of this teacher.
    pub teacher_id: Option<Uuid>,
    /// Only those that begin at this moment or later.
    pub from: Option<Time>,
    /// Only those that begin before this moment.
    pub to: Option<Time>,
    /// Only those of one status.
    pub status: Option<SlotStatus>,
}

/// The slot of a path.
#[input]
pub struct SlotPath {
    /// The slot's id.
    pub slot_id: Uuid,
}

/// Changes of a slot; absent fields and nulls stay as they are.
#[input]
pub struct SlotPatch {
    /// Whether it is kept back.
    pub is_blocked: Option<Flag>,
    /// Why, with `is_blocked`.
    pub reason: Option<Text<1, 512>>,
    /// When it begins; without an offset, in UTC.
    pub start_at: Option<Time>,
    /// When it ends; without an offset, in UTC.
    pub end_at: Option<Time>,
}

/// A lesson shorter than this is not offered.
pub const SHORTEST_MINUTES: i64 = 15;

/// 422 unless a slot begins ahead and ends later.
pub fn must_lie_ahead(start_at: Time, end_at: Time) -> Result<()> {
    if end_at <= start_at {
        return Err(unprocessable("Slot end_at must be after start_at"));
    }
    if start_at.0 <= jiff::Timestamp::now() {
        return Err(unprocessable("Slot start_at must be in the future"));
    }
    Ok(())
}

/// Stores a slot. 409 if the teacher offers that time already, 422 for somebody who does not teach or for more than a day.
pub async fn insert(tx: &Tx, admin: &User, new: &NewSlot) -> Result<Slot> {
    let made = tx
        .find(
            "insert into lessons.slots (id, teacher_id, created_by_admin_id, starts_at, ends_at)
             values ($1, $2, $3, $4, $5)
             on conflict do nothing
             returning id, teacher_id, created_by_admin_id, starts_at as start_at, ends_at as end_at, 'open' as status,
                       created_at, updated_at",
            &[&Uuid::now_v7(), &new.teacher_id, &admin.id, &new.start_at, &new.end_at],
        )
        .await
        .on_constraint("slots_role", not_a_teacher)
        .on_constraint("slots_interval", too_long)?;
    made.ok_or_else(overlapping)
}

/// Time is offered by those who teach.
pub(crate) fn not_a_teacher() -> Error {
    unprocessable("teacher_id is nobody who teaches")
}

fn too_long() -> Error {
    unprocessable("a slot has 24 hours at most")
}

fn overlapping() -> Error {
    conflict("the teacher has a slot at that time already")
}

/// A page of all slots in the order of their times, for an admin.
pub async fn list(tx: &Tx, filter: &SlotFilter, paging: Paging) -> Result<Page<SlotDetails>> {
    let (total, items) = tx
        .page(
            "id",
            // The status is reckoned for the page alone, unless it is asked for.
            "with theirs as (
                 select slots as slot, id as slot_id, starts_at as begins from lessons.slots
                 where ($1::uuid is null or teacher_id = $1)
                   and ($2::timestamptz is null or starts_at >= $2) and ($3::timestamptz is null or starts_at < $3)
                   and ($4::text is null or lessons.slot_status(slots) = $4)
             ), counted as (select count(*) as total from theirs),
             page as (
                 select (slot).id, (slot).teacher_id, (slot).created_by_admin_id, (slot).starts_at as start_at,
                        (slot).ends_at as end_at, lessons.slot_status(slot) as status, (slot).created_at,
                        (slot).updated_at, (slot).source, (slot).blocked_at, (slot).blocked_reason
                 from (select slot from theirs order by begins, slot_id limit $5 offset $6) as shown
             )
             select * from counted left join page on true
             order by start_at, id",
            &[
                &filter.teacher_id,
                &filter.from,
                &filter.to,
                &filter.status,
                &paging.limit,
                &paging.offset,
            ],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// A slot under the lock of whoever changes it. Nobody books in it meanwhile.
#[derive(FromRow)]
pub struct LockedSlot {
    /// Its id.
    pub id: Uuid,
    /// When it begins.
    pub starts_at: Time,
    /// When it ends.
    pub ends_at: Time,
}

/// Locks a slot of the caller's own time, or for an admin of anybody's; 404 otherwise. Says whether somebody has a lesson or a
/// hold in it.
pub async fn lock(tx: &Tx, user: &User, slot_id: Uuid) -> Result<(LockedSlot, bool)> {
    let (slot, is_taken) = tokio::try_join!(biased; lock_row(tx, user, slot_id), is_taken(tx, slot_id))?;
    Ok((slot.ok_or_else(|| not_found("Slot not found"))?, is_taken))
}

async fn lock_row(tx: &Tx, user: &User, slot_id: Uuid) -> Result<Option<LockedSlot>> {
    tx.find(
        "select id, starts_at, ends_at from lessons.slots
         where id = $1 and withdrawn_at is null and (teacher_id = $2 or identity.request_has_role('admin'))
         for update",
        &[&slot_id, &user.id],
    )
    .await
}

/// After the lock and in a statement of its own, so that it sees who was waited for.
async fn is_taken(tx: &Tx, slot_id: Uuid) -> Result<bool> {
    let taken = tx
        .execute(
        "select from lessons.slots
         join lessons.bookings as booking
             on lessons.uuid_range(booking.teacher_id, booking.teacher_id, '[]')
                = lessons.uuid_range(slots.teacher_id, slots.teacher_id, '[]')
             and tstzrange(booking.starts_at, booking.blocked_until) && tstzrange(slots.starts_at, slots.ends_at)
             and booking.ends_at > slots.starts_at
         where slots.id = $1
           and (booking.state = 'confirmed' or booking.state = 'hold' and booking.hold_expires_at > now())
         limit 1",
        &[&slot_id],
    )
    .await?;
    Ok(taken > 0)
}

/// Keeps a locked slot back, offers it again, or moves it. 409 if it is taken, or if the teacher has another slot there.
pub async fn update(tx: &Tx, slot: &LockedSlot, is_taken: bool, patch: &SlotPatch) -> Result<SlotDetails> {
    let start_at = patch.start_at.unwrap_or(slot.starts_at);
    let end_at = patch.end_at.unwrap_or(slot.ends_at);
    let is_moved = (start_at, end_at) != (slot.starts_at, slot.ends_at);
    let is_blocked = patch.is_blocked.map(Flag::get);
    if patch.reason.is_some() && is_blocked != Some(true) {
        return Err(invalid_field("/reason", "unexpected", "a reason goes with is_blocked: true"));
    }
    if is_taken && (is_moved || is_blocked == Some(true)) {
        return Err(has_lesson());
    }
    if is_moved {
        must_lie_ahead(start_at, end_at)?;
    }
    tx.one(
        // Where the hours made a slot that is moved away, they make none again: a withdrawn one says so.
        "with left_behind as (
             insert into lessons.slots (id, teacher_id, source, starts_at, ends_at, withdrawn_at, is_withdrawn_by_hand)
             select $2, teacher_id, 'rule', starts_at, ends_at, now(), true from lessons.slots
             where id = $1 and source = 'rule' and $3
         )
         update lessons.slots
         set starts_at = $4, ends_at = $5, source = case when $3 then 'hand' else source end,
             blocked_at = case when $6 then coalesce(blocked_at, now()) when not $6 then null else blocked_at end,
             blocked_reason = case when $6 then $7 when not $6 then null else blocked_reason end,
             updated_at = case when $3 or $6 is not null then now() else updated_at end
         where id = $1
         returning id, teacher_id, created_by_admin_id, starts_at as start_at, ends_at as end_at,
                   lessons.slot_status(slots) as status, created_at, updated_at, source, blocked_at, blocked_reason",
        &[
            &slot.id,
            &Uuid::now_v7(),
            &is_moved,
            &start_at,
            &end_at,
            &is_blocked,
            &patch.reason.as_ref().map(Text::as_str),
        ],
    )
    .await
    .on_constraint("slots_interval", too_long)
    .on_constraint("slots_teacher_time", overlapping)
}

/// Takes a locked slot off for good: the weekly hours do not make it again. 409 if it is taken.
pub async fn withdraw(tx: &Tx, slot: &LockedSlot, is_taken: bool) -> Result<()> {
    if is_taken {
        return Err(has_lesson());
    }
    tx.execute(
        "update lessons.slots set withdrawn_at = now(), is_withdrawn_by_hand = true, updated_at = now() where id = $1",
        &[&slot.id],
    )
    .await?;
    Ok(())
}

fn has_lesson() -> Error {
    conflict("Somebody has a lesson or a hold in the slot")
}

/// A page of the slots of which something can be booked, the next first. Of one that has begun, or begins sooner than its
/// teacher wants to know, that is what comes later, from the next quarter of an hour on that the slot's own start counts.
pub async fn list_open(tx: &Tx, filter: &OpenSlotFilter, paging: Paging) -> Result<Page<OpenSlot>> {
    let (total, items) = tx
        .page(
            "id",
            // What teachers have else is gathered once for each, and the parts are written out for the page alone.
            "with candidates as materialized (
                 select slots.*, coalesce(taken.notice_minutes, 0) as notice_minutes, taken.busy
                 from lessons.slots
                 left join lessons.busy_of($1, greatest(now() - interval '24 hours', $2), $3) as taken using (teacher_id)
                 where withdrawn_at is null and blocked_at is null
                   -- A slot has a day at most.
                   and starts_at > now() - interval '24 hours' and ends_at > now()
                   and ($1::uuid is null or teacher_id = $1)
                   and ($2::timestamptz is null or starts_at >= $2) and ($3::timestamptz is null or starts_at < $3)
             ), offered as (
                 select candidates.*, parts
                 from candidates
                 cross join lateral (
                     select floor(extract(epoch from now() + notice_minutes * interval '1 minute' - starts_at)
                                  / (60 * $4)) + 1 as steps
                 ) as late
                 cross join lateral (
                     select tstzmultirange(tstzrange(
                                least(starts_at + greatest(steps, 0) * $4 * interval '1 minute', ends_at), ends_at))
                            - coalesce(busy, '{}') as parts
                 ) as free
                 where exists (select from unnest(parts) as part where upper(part) - lower(part) >= $4 * interval '1 minute')
             ), counted as (select count(*) as total from offered),
             page as (
                 select shown.id, teacher_id, created_by_admin_id, starts_at as start_at, ends_at as end_at,
                        'open' as status, shown.created_at, shown.updated_at, teachers.display_name as teacher_name,
                        (select jsonb_agg(jsonb_build_object('start_at', lower(part), 'end_at', upper(part)) order by part)
                         from unnest(parts) as part
                         where upper(part) - lower(part) >= $4 * interval '1 minute') as free
                 from (select * from offered order by starts_at, id limit $5 offset $6) as shown
                 left join lessons.teachers on teachers.user_id = teacher_id
             )
             select * from counted left join page on true
             order by start_at, id",
            &[
                &filter.teacher_id,
                &filter.from,
                &filter.to,
                &SHORTEST_MINUTES,
                &paging.limit,
                &paging.offset,
            ],
        )
        .await?;
    Ok(paging.page(items, total))
}
