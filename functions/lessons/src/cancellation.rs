//! Calling a lesson off, and moving it: who gets what back.
//!
//! | | before `free_cancel_until` | later, before the start | after the start |
//! |---|---|---|---|
//! | student | the lesson comes back | it is used | 409 |
//! | teacher, admin | it comes back | it comes back | an admin until the lesson is marked: it comes back |
//!
//! A move is a cancel and a booking in one transaction, under the same rules.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::prelude::*;

use crate::booking::{self, Booking, BookingStatus, Locked, Party};
use crate::event::{self, Event};
use crate::hold::{Place, make_way};
use crate::lesson::LessonStatus;
use crate::package::{self, EntryKind};
use crate::slot::offer::{self, Offer};

/// Why a lesson is called off.
#[input]
pub struct Cancel {
    /// In the canceller's words.
    pub reason: Option<Text<0, 512>>,
}

/// Where a lesson is moved to.
#[input]
pub struct Move {
    /// The new slot.
    pub new_slot_id: Uuid,
    /// When the lesson begins, if not with the slot.
    pub start_at: Option<Time>,
    /// When the lesson ends, if not with the slot.
    pub end_at: Option<Time>,
}

/// What a cancel does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[answer]
pub struct Effect {
    /// Whether the lesson goes back into the package, or for a hold was never taken from it.
    pub lesson_returned: bool,
}

/// A booking with what the caller's cancel would do now.
#[answer]
pub struct BookingWithCancel {
    /// The booking.
    #[serde(flatten)]
    pub booking: Booking,
    /// Its lesson, once it is confirmed.
    pub lesson_id: Option<Uuid>,
    /// What became of the lesson.
    pub lesson_status: Option<LessonStatus>,
    /// What a cancel by the caller does; null if there is nothing to call off any more.
    pub cancel_now: Option<Effect>,
}

/// The booking with a preview of its cancel.
pub fn with_preview(locked: Locked, user: &User) -> BookingWithCancel {
    let party = locked.booking.party(user);
    let cancel_now = effect(&locked.booking, locked.lesson_state, party, Timestamp::now()).ok();
    BookingWithCancel {
        cancel_now,
        lesson_id: locked.lesson_id,
        lesson_status: locked.lesson_state,
        booking: locked.booking,
    }
}

/// How often a student moves a lesson at most, through all its moves.
const MOVES: i16 = 5;
/// A lesson that staff gave back can be used for so many days at least.
const DAYS_TO_USE: i64 = 14;
/// What the earlier backend writes as the reason of a move.
const MOVED: &str = "Rescheduled by user";

/// What a cancel by somebody does now; 409 if they may not any more.
pub fn effect(
    booking: &Booking,
    lesson: Option<LessonStatus>,
    party: Party,
    now: Timestamp,
) -> Result<Effect> {
    match booking.status {
        BookingStatus::Hold => return Ok(Effect { lesson_returned: true }),
        BookingStatus::Confirmed => {}
        BookingStatus::Canceled => return Err(conflict("Booking is canceled already")),
        BookingStatus::Expired => return Err(conflict("Booking already expired")),
    }
    if matches!(lesson, Some(LessonStatus::Completed | LessonStatus::NoShow)) {
        return Err(conflict("The lesson has taken place"));
    }
    if now >= booking.start_at.0 && party != Party::Admin {
        return Err(conflict("The lesson has begun"));
    }
    let is_free = party != Party::Student || now < booking.free_cancel_until.0;
    Ok(Effect { lesson_returned: is_free })
}

/// Calls a locked booking off, in one flight that ends the transaction.
pub async fn cancel(tx: Tx, locked: &Locked, party: Party, cancel: &Cancel) -> Result<Booking> {
    let booking = &locked.booking;
    let effect = effect(booking, locked.lesson_state, party, Timestamp::now())?;
    let reason = cancel.reason.as_ref().map(Text::as_str).filter(|reason| !reason.is_empty());
    tx.commit_with(async |tx| {
        let ((), (), (), booking) = tokio::try_join!(
            biased;
            call_off(tx, booking, party, (reason, false), effect),
            give_back(tx, booking, party, effect),
            tell(tx, booking, party, effect),
            booking::get(tx, booking.id),
        )?;
        Ok(booking)
    })
    .await
}

async fn call_off(
    tx: &Tx,
    booking: &Booking,
    party: Party,
    (reason, is_moved): (Option<&str>, bool),
    effect: Effect,
) -> Result<()> {
    let is_returned = effect.lesson_returned && booking.status == BookingStatus::Confirmed;
    tx.execute(
        "update lessons.bookings
         set state = 'canceled', canceled_at = now(), canceled_as = $2, cancellation_reason = $3, refund_returned = $4,
             hold_expires_at = null,
             -- Of a move, the new booking tells calendars.
             calendar_sequence = calendar_sequence + case when $5 then 0 else 1 end,
             lesson_state = case when lesson_state = 'scheduled' then 'canceled' else lesson_state end,
             lesson_updated_at = case when lesson_state = 'scheduled' then now() else lesson_updated_at end,
             updated_at = now()
         where id = $1",
        &[&booking.id, &party, &reason, &is_returned, &is_moved],
    )
    .await?;
    Ok(())
}

/// The package's line about it: a hold's lesson was never taken, a confirmed one's comes back or is used.
async fn give_back(tx: &Tx, booking: &Booking, party: Party, effect: Effect) -> Result<()> {
    let Some(package) = booking.package_id else { return Ok(()) };
    let kind = match (booking.status, effect.lesson_returned) {
        (BookingStatus::Hold, _) => EntryKind::Release,
        (_, true) => EntryKind::Return,
        (_, false) => EntryKind::Use,
    };
    if kind == EntryKind::Return && party != Party::Student {
        let ends = Time(Timestamp::now().checked_add(SignedDuration::from_hours(24 * DAYS_TO_USE))?);
        return package::return_until(tx, package, booking.id, ends).await;
    }
    package::enter(tx, package, kind, booking.id).await
}

async fn tell(tx: &Tx, booking: &Booking, party: Party, effect: Effect) -> Result<()> {
    let canceled = Event::of_booking("booking.canceled", booking.id, booking.student_id, booking.teacher_id)
        .with(json!({
            "slot_id": booking.slot_id,
            "refund_returned": effect.lesson_returned && booking.status == BookingStatus::Confirmed,
            "was": booking.status,
            "canceled_as": party,
        }));
    event::record(tx, &canceled).await
}

/// What a move needs, under the locks of the booking and of its package: the booking, its newest successor, and the slot.
pub struct Moving {
    /// The booking.
    pub locked: Locked,
    /// Where it was moved to before.
    pub successor: Option<Booking>,
    /// The new slot.
    pub offer: Option<Offer>,
}

/// Locks the caller's booking, and looks at where it is to go; 404 for another's.
pub async fn look(tx: &Tx, booking_id: Uuid, to: &Move) -> Result<Moving> {
    // Whose booking it is, and whether the caller may see it, is asked before anything is locked.
    let before = booking::get(tx, booking_id).await?;
    let student = before.student_id.unwrap_or_default();
    let (_, locked, successor, offer) = tokio::try_join!(
        biased;
        make_way(tx, to.new_slot_id, None, Some(booking_id)),
        booking::read(tx, booking_id),
        find_successor(tx, booking_id),
        offer::find_offer(tx, to.new_slot_id, (to.start_at, to.end_at), student, Some(booking_id)),
    )?;
    Ok(Moving { locked, successor, offer })
}

async fn find_successor(tx: &Tx, booking_id: Uuid) -> Result<Option<Booking>> {
    tx.find("select * from lessons.booking_view where rescheduled_from_booking_id = $1", &[&booking_id]).await
}

/// Moves the booking, in one flight that ends the transaction: the old one is called off and the new one confirmed, or
/// nothing happens. 409 if somebody was faster, 422 if the package has no lesson for it.
pub async fn reschedule(tx: Tx, moving: &Moving, party: Party, to: &Move) -> Result<Booking> {
    let Moving { locked, offer, .. } = moving;
    let (old, now) = (&locked.booking, Timestamp::now());
    // A hold whose time is over is moved like one that is kept: it takes a lesson either way.
    if !old.is_live() {
        return Err(conflict("Booking cannot be rescheduled in current status"));
    }
    let effect = effect(old, locked.lesson_state, party, now)?;
    if party == Party::Student && locked.moves >= MOVES {
        return Err(conflict("The lesson has been moved 5 times, which is as often as it may be"));
    }
    let (Some(student_id), Some(package_id)) = (old.student_id, old.package_id) else {
        return Err(booking::missing());
    };
    let offer = offer.as_ref().ok_or_else(|| not_found("Slot not found"))?;
    if offer.teacher_id == student_id {
        return Err(unprocessable("Nobody takes lessons with themselves"));
    }
    let (start, end) = offer.interval((to.start_at, to.end_at), now)?;
    let place = Place {
        slot_id: offer.id,
        student_id,
        teacher_id: offer.teacher_id,
        package_id,
        start,
        end,
        blocked_until: offer.blocked_until(end)?,
    };
    let (id, lesson) = (Uuid::now_v7(), Uuid::now_v7());
    let told = Event::of_booking("booking.rescheduled", id, Some(student_id), Some(offer.teacher_id)).with(json!({
        "new_booking_id": id, "old_booking_id": old.id, "moved_as": party, "lesson_returned": effect.lesson_returned,
        "old_teacher_id": old.teacher_id.filter(|teacher| *teacher != offer.teacher_id).is_some(),
    }));
    tx.commit_with(async |tx| {
        let (ended, returned, stored, held, booked, told, booking) = tokio::join!(
            biased;
            call_off(tx, old, party, (Some(MOVED), true), effect),
            give_back(tx, old, party, effect),
            insert_moved(tx, id, lesson, &place, locked, party),
            package::enter(tx, package_id, EntryKind::Hold, id),
            package::enter(tx, package_id, EntryKind::Book, id),
            event::record(tx, &told),
            booking::get(tx, id),
        );
        ended?;
        returned?;
        match stored? {
            0 => return Err(offer::taken()),
            _ => held?,
        }
        booked?;
        told?;
        booking
    })
    .await
}

async fn insert_moved(
    tx: &Tx,
    id: Uuid,
    lesson: Uuid,
    place: &Place,
    from: &Locked,
    party: Party,
) -> Result<u64> {
    tx.execute(
        "insert into lessons.bookings (id, slot_id, student_id, teacher_id, package_id, state, starts_at, ends_at,
                                       blocked_until, confirmed_at, free_cancel_until, rescheduled_from, moves,
                                       calendar_uid, calendar_sequence, lesson_id, lesson_state, lesson_created_at,
                                       lesson_updated_at, topic, notes, series_id)
         values ($1, $2, $3, $4, $5, 'confirmed', $6, $7, $8, now(), $9, $10, $11, $12, $13, $14, 'scheduled', now(), now(),
                 $15, $16, $17)
         on conflict do nothing",
        &[
            &id,
            &place.slot_id,
            &place.student_id,
            &place.teacher_id,
            &place.package_id,
            &place.start,
            &place.end,
            &place.blocked_until,
            &booking::free_cancel_until(place.start)?,
            &from.booking.id,
            &(from.moves + i16::from(party == Party::Student)),
            &from.calendar_uid,
            &(from.calendar_sequence + 1),
            &lesson,
            &from.topic,
            &from.notes,
            &from.booking.series_id,
        ],
    )
    .await
    .on_constraint("bookings_offered", offer::taken)
}
