//! From an offered time to a lesson: the hold, which keeps time and a lesson of the package, and its confirmation.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use shared::database::Parameter;
use shared::error::Error;
use shared::prelude::*;

use crate::booking::{self, Booking, BookingStatus, Locked};
use crate::event::{self, Event};
use crate::package::{self, EntryKind, Package};
use crate::slot::offer::{self, Offer};

/// What a hold is made of.
#[input]
pub struct NewHold {
    /// The slot.
    pub slot_id: Uuid,
    /// The package that the lesson is taken from.
    pub package_id: Uuid,
    /// When the lesson begins, if not with the slot.
    pub start_at: Option<Time>,
    /// When the lesson ends, if not with the slot.
    pub end_at: Option<Time>,
}

/// A booking that is about to be stored.
pub struct Place {
    /// The slot.
    pub slot_id: Uuid,
    /// Who learns.
    pub student_id: Uuid,
    /// Who teaches.
    pub teacher_id: Uuid,
    /// The package.
    pub package_id: Uuid,
    /// When the lesson begins.
    pub start: Time,
    /// When it ends.
    pub end: Time,
    /// When the teacher is free again.
    pub blocked_until: Time,
}

impl NewHold {
    /// The part of the slot that is wanted.
    pub fn part(&self) -> (Option<Time>, Option<Time>) {
        (self.start_at, self.end_at)
    }
}

/// Locks the package, ends holds that are over, and reads what a hold of the student needs: the slot and the package, where
/// they are.
pub async fn look(tx: &Tx, user: &User, new: &NewHold) -> Result<(Option<Offer>, Option<Package>)> {
    let (_, offer, package) = tokio::try_join!(
        biased;
        make_way(tx, new.slot_id, Some(new.package_id), None),
        offer::find_offer(tx, new.slot_id, new.part(), user.id, None),
        package::find_own(tx, user, new.package_id),
    )?;
    Ok((offer, package))
}

/// Locks the package (of the booking that is moved, if there is one, which is locked too), and ends holds whose time is over
/// where the lesson is to be.
pub async fn make_way(tx: &Tx, slot: Uuid, package: Option<Uuid>, moving: Option<Uuid>) -> Result<u64> {
    tx.execute("select lessons.make_way($1, $2, $3)", &[&slot, &package, &moving]).await
}

/// Where the hold goes; what is wrong with it otherwise, the slot's faults first.
pub fn place(user: &User, new: &NewHold, offer: Option<Offer>, package: Option<Package>) -> Result<Place> {
    let (place, package) = place_in_offer(user, new, offer, package)?;
    package.must_pay_for(place.start, Timestamp::now())?;
    Ok(place)
}

/// The same for a package whose money is still to come.
pub fn place_unpaid(
    user: &User,
    new: &NewHold,
    offer: Option<Offer>,
    package: Option<Package>,
) -> Result<Place> {
    let (place, package) = place_in_offer(user, new, offer, package)?;
    package.must_last_until(place.start)?;
    Ok(place)
}

fn place_in_offer(
    user: &User,
    new: &NewHold,
    offer: Option<Offer>,
    package: Option<Package>,
) -> Result<(Place, Package)> {
    let offer = offer.ok_or_else(|| not_found("Slot not found"))?;
    if offer.teacher_id == user.id {
        return Err(unprocessable("Nobody takes lessons with themselves"));
    }
    let (start, end) = offer.interval(new.part(), Timestamp::now())?;
    let package = package.ok_or_else(|| not_found("Package not found"))?;
    let place = Place {
        slot_id: offer.id,
        student_id: user.id,
        teacher_id: offer.teacher_id,
        package_id: package.id,
        start,
        end,
        blocked_until: offer.blocked_until(end)?,
    };
    Ok((place, package))
}

/// Stores a hold with the lesson that it keeps, in one flight that ends the transaction. 409 if somebody was faster.
pub async fn insert(tx: Tx, place: &Place) -> Result<Booking> {
    let minutes = i64::try_from(booking::hold_minutes().map_err(internal)?)?;
    tx.commit_with(async |tx| keep(tx, place, minutes).await).await
}

/// Stores a hold for so many minutes, with the lesson that it keeps. 409 if somebody was faster.
pub async fn keep(tx: &Tx, place: &Place, minutes: i64) -> Result<Booking> {
    let id = Uuid::now_v7();
    let until = Time(Timestamp::now().checked_add(SignedDuration::from_mins(minutes))?);
    let free_until = booking::free_cancel_until(place.start)?;
    let created = Event::of_booking("booking.hold.created", id, Some(place.student_id), None)
        .with(json!({ "slot_id": place.slot_id }));
    let (stored, entered, told, booking) = tokio::join!(
        biased;
        insert_hold(tx, id, place, until, free_until),
        package::enter(tx, place.package_id, EntryKind::Hold, id),
        event::record(tx, &created),
        booking::get(tx, id),
    );
    if stored? == 0 {
        return Err(offer::taken());
    }
    entered?;
    told?;
    booking
}

async fn insert_hold(tx: &Tx, id: Uuid, place: &Place, until: Time, free_until: Time) -> Result<u64> {
    let calendar_uid = Uuid::new_v4();
    let parameters: &[&dyn Parameter] = &[
        &id,
        &place.slot_id,
        &place.student_id,
        &place.teacher_id,
        &place.package_id,
        &place.start,
        &place.end,
        &place.blocked_until,
        &until,
        &free_until,
        &calendar_uid,
    ];
    let stored = tx.execute(
        // On conflict do nothing: of two plain inserts that overlap, each may wait for the other. Source: PostgreSQL,
        // src/backend/executor/execIndexing.c.
        "insert into lessons.bookings (id, slot_id, student_id, teacher_id, package_id, starts_at, ends_at, blocked_until,
                                       hold_expires_at, free_cancel_until, calendar_uid)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict do nothing",
        parameters,
    );
    stored.await.on_constraint("bookings_holds", too_many).on_constraint("bookings_offered", offer::taken)
}

fn too_many() -> Error {
    conflict("You hold 3 lessons, which is as many as you may")
}

/// Whether the hold can be confirmed: `false` if it is already. 422 for one whose time is over, 409 for one that was
/// called off.
pub fn is_to_confirm(locked: &Locked) -> Result<bool> {
    let Booking { status, start_at, .. } = locked.booking;
    match status {
        BookingStatus::Confirmed => Ok(false),
        BookingStatus::Canceled => Err(conflict("Only HOLD booking can be confirmed")),
        BookingStatus::Expired => Err(unprocessable("Booking hold has expired")),
        BookingStatus::Hold if start_at.0 <= Timestamp::now() => {
            Err(unprocessable("Cannot book a slot in the past"))
        }
        BookingStatus::Hold => Ok(true),
    }
}

/// Makes the hold a lesson, in one flight that ends the transaction.
pub async fn confirm(tx: Tx, booking: &Booking) -> Result<Booking> {
    let (lesson, package) = (Uuid::now_v7(), booking.package_id.ok_or_else(booking::missing)?);
    let [confirmed, created] = ["booking.confirmed", "lesson.created"].map(|kind| match kind {
        "lesson.created" => Event::of_lesson(kind, lesson, booking),
        _ => Event::of_booking(kind, booking.id, booking.student_id, booking.teacher_id),
    });
    let confirmed = confirmed.with(json!({ "slot_id": booking.slot_id }));
    tx.commit_with(async |tx| {
        let (_, (), (), (), booking) = tokio::try_join!(
            biased;
            make_lesson(tx, booking.id, lesson),
            package::enter(tx, package, EntryKind::Book, booking.id),
            event::record(tx, &confirmed),
            event::record(tx, &created),
            booking::get(tx, booking.id),
        )?;
        Ok(booking)
    })
    .await
}

async fn make_lesson(tx: &Tx, booking_id: Uuid, lesson_id: Uuid) -> Result<u64> {
    tx.execute(
        "update lessons.bookings
         set state = 'confirmed', confirmed_at = now(), hold_expires_at = null, lesson_id = $2, lesson_state = 'scheduled',
             lesson_created_at = now(), lesson_updated_at = now(), updated_at = now()
         where id = $1",
        &[&booking_id, &lesson_id],
    )
    .await
}
