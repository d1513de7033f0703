//! Who waits for a teacher's time: when some comes free, the first who can take it is offered it as a short hold.

use shared::error::Error;
use shared::prelude::*;

use crate::event::{self, Event};
use crate::hold::{self, Place};
use crate::slot::offer;

text_enum! {
    /// What became of waiting.
    pub enum WaitStatus {
        /// Nothing has come free yet.
        Waiting = "waiting",
        /// A time is held, to be confirmed.
        Offered = "offered",
        /// It was confirmed.
        Done = "done",
        /// It was let go, or nothing came free in time.
        Over = "over",
    }
}

/// Somebody's waiting for a teacher's time.
#[row]
pub struct WaitlistEntry {
    /// Its id.
    pub id: Uuid,
    /// Whose time.
    pub teacher_id: Uuid,
    /// The name on the teacher's card, if that is shown.
    pub teacher_name: Option<String>,
    /// The package that the lesson is to be taken from.
    pub package_id: Uuid,
    /// The lesson begins then or later.
    pub from: Time,
    /// The lesson ends then or sooner.
    pub to: Time,
    /// How long the lesson is.
    pub minutes: i16,
    /// What became of it.
    pub status: WaitStatus,
    /// What was offered.
    pub booking_id: Option<Uuid>,
    /// When.
    pub offered_at: Option<Time>,
    /// Since when somebody waits.
    pub created_at: Time,
}

/// What somebody waits for.
#[input]
pub struct NewWaitlistEntry {
    /// Whose time.
    pub teacher_id: Uuid,
    /// The package that the lesson is to be taken from.
    pub package_id: Uuid,
    /// The lesson begins then or later.
    pub from: Time,
    /// The lesson ends then or sooner: 62 days after `from` at most.
    pub to: Time,
    /// How long the lesson is.
    pub minutes: Int<15, 480>,
}

/// The entry of a path.
#[input]
pub struct WaitlistPath {
    /// The entry's id.
    pub entry_id: Uuid,
}

/// For so many minutes an offered time is held.
const HOLD_MINUTES: i64 = 30;

/// Puts the student on the list. 404 for somebody who does not teach and for another's package, 409 who waits for it already or for
/// ten things.
pub async fn insert(tx: &Tx, student: &User, new: &NewWaitlistEntry) -> Result<WaitlistEntry> {
    if new.to.0 <= jiff::Timestamp::now() {
        return Err(unprocessable("What is waited for lies behind"));
    }
    let id = Uuid::now_v7();
    let (stored, entry) = tokio::join!(biased; store(tx, id, student, new), find(tx, id));
    match stored? {
        0 => Err(conflict("You wait for this already")),
        _ => entry?.ok_or_else(missing),
    }
}

async fn store(tx: &Tx, id: Uuid, student: &User, new: &NewWaitlistEntry) -> Result<u64> {
    let minutes = i16::try_from(new.minutes.get())?;
    tx.execute(
        "insert into lessons.waitlist (id, student_id, teacher_id, package_id, wanted_from, wanted_until, minutes)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing",
        &[&id, &student.id, &new.teacher_id, &new.package_id, &new.from, &new.to, &minutes],
    )
    .await
    .on_constraint("waitlist_teacher_role", || not_found("Teacher not found"))
    .on_constraint("waitlist_own_package", || not_found("Package not found"))
    .on_constraint("waitlist_ten", || conflict("You wait for 10 times, which is as many as you may"))
    .on_constraint("waitlist_interval", || unprocessable("a lesson must fit between from and to, which lie 62 days apart at most"))
}

async fn find(tx: &Tx, id: Uuid) -> Result<Option<WaitlistEntry>> {
    tx.find("select * from lessons.waitlist_view where id = $1", &[&id]).await
}

/// A page of what the student waits for and has waited for, the newest first.
pub async fn list(tx: &Tx, paging: Paging) -> Result<Page<WaitlistEntry>> {
    let (total, items) = tx
        .page(
            "id",
            "with counted as (select count(*) as total from lessons.waitlist_view),
             page as (select * from lessons.waitlist_view order by created_at desc, id desc limit $1 offset $2)
             select * from counted left join page on true
             order by created_at desc, id desc",
            &[&paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// Takes the student off the list; 404 for another's entry. What is held already stays held.
pub async fn delete(tx: &Tx, student: &User, entry_id: Uuid) -> Result<()> {
    let sql = "delete from lessons.waitlist where id = $1 and student_id = $2";
    match tx.execute(sql, &[&entry_id, &student.id]).await? {
        0 => Err(missing()),
        _ => Ok(()),
    }
}

fn missing() -> Error {
    not_found("Nobody waits for that")
}

/// Somebody who waits, and a time that has come free for them.
#[derive(FromRow)]
pub struct Match {
    /// The entry.
    pub id: Uuid,
    student_id: Uuid,
    package_id: Uuid,
    slot_id: Uuid,
    start_at: Time,
    end_at: Time,
}

/// Whose turn it is: who waits longest of those for whom there is a free time that they can take, with the earliest of these, a
/// number of quarters of an hour after it comes free. Nobody else offers anything until the transaction ends, so that two runs
/// of the job pass nobody over. `passed_over` had their turn in this run.
pub async fn next(tx: &Tx, passed_over: &[Uuid]) -> Result<Option<Match>> {
    // A statement of its own, so that the next one sees what was waited for.
    let (_, found) = tokio::try_join!(biased; take_turn(tx), find_match(tx, passed_over))?;
    Ok(found)
}

async fn take_turn(tx: &Tx) -> Result<u64> {
    tx.execute("select pg_advisory_xact_lock(hashtextextended('lessons.offer_waitlist', 0))", &[]).await
}

async fn find_match(tx: &Tx, passed_over: &[Uuid]) -> Result<Option<Match>> {
    tx.find(
        "select waitlist.id, waitlist.student_id, waitlist.package_id, slot_id, start_at,
                start_at + minutes * interval '1 minute' as end_at
         from lessons.waitlist
         join lessons.packages as package on package.id = waitlist.package_id and package.state = 'active'
             and package.frozen_at is null and package.expires_at > now() and package.lessons_left > package.held
         join identity.users as student on student.id = waitlist.student_id and student.deactivated_at is null
             and student.deletion_requested_at is null
         cross join lateral lessons.rules_of(waitlist.teacher_id) as rules
         cross join lateral (
             select greatest(wanted_from, now() + notice_minutes * interval '1 minute' + interval '1 minute') as earliest
         ) as bounds
         cross join lateral (
             select slots.id as slot_id, start_at
             from lessons.slots
             cross join lateral unnest(
                 lessons.free_parts(slots.teacher_id, slots.starts_at, slots.ends_at) - coalesce((
                     select range_agg(tstzrange(starts_at, ends_at)) from lessons.bookings as other
                     where other.student_id = waitlist.student_id
                       and (other.state = 'confirmed' or other.state = 'hold' and other.hold_expires_at > now())), '{}')) as part
             cross join lateral (
                 select lower(part) + greatest(ceil(extract(epoch from earliest - lower(part)) / 900), 0) * interval '15 minutes'
                     as start_at
             ) as first
             where slots.teacher_id = waitlist.teacher_id and withdrawn_at is null and blocked_at is null
               and slots.ends_at > earliest and slots.starts_at < wanted_until
               and start_at + minutes * interval '1 minute' <= least(upper(part), wanted_until)
               and start_at < package.expires_at
             order by start_at
             limit 1
         ) as free
         where booking_id is null and wanted_until > now() and waitlist.id <> all ($1)
           -- Who holds as much as one may has enough to choose from.
           and (select count(*) from lessons.bookings as held
                where held.student_id = waitlist.student_id and held.state = 'hold' and held.hold_expires_at > now()) < 3
         order by waitlist.created_at, waitlist.id
         limit 1",
        &[&passed_over.to_vec()],
    )
    .await
}

/// Offers what was found, in the transaction of a job: a hold, and a word of it. `false` if the student cannot take it after all, or
/// somebody else was faster.
pub async fn offer(tx: &Tx, found: &Match) -> Result<bool> {
    if !lock(tx, found.id).await? {
        return Ok(false);
    }
    let (_, slot) = tokio::try_join!(
        biased;
        hold::make_way(tx, found.slot_id, Some(found.package_id), None),
        offer::find_offer(
            tx,
            found.slot_id,
            (Some(found.start_at), Some(found.end_at)),
            found.student_id,
            None,
        ),
    )?;
    let Some(slot) = slot else { return Ok(false) };
    if slot.obstacle(found.start_at, jiff::Timestamp::now())?.is_some() {
        return Ok(false);
    }
    let place = Place {
        slot_id: slot.id,
        student_id: found.student_id,
        teacher_id: slot.teacher_id,
        package_id: found.package_id,
        start: found.start_at,
        end: found.end_at,
        blocked_until: slot.blocked_until(found.end_at)?,
    };
    let booking = hold::keep(tx, &place, HOLD_MINUTES).await?;
    let told = Event::of_booking("waitlist.offered", booking.id, booking.student_id, None);
    tokio::try_join!(biased; note_offer(tx, found.id, booking.id), event::record(tx, &told))?;
    Ok(true)
}

async fn lock(tx: &Tx, entry_id: Uuid) -> Result<bool> {
    let sql = "select from lessons.waitlist where id = $1 and booking_id is null for update";
    Ok(tx.execute(sql, &[&entry_id]).await? == 1)
}

async fn note_offer(tx: &Tx, entry_id: Uuid, booking_id: Uuid) -> Result<u64> {
    let sql = "update lessons.waitlist set booking_id = $2, offered_at = now() where id = $1";
    tx.execute(sql, &[&entry_id, &booking_id]).await
}
