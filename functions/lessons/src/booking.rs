//! A booking: a lesson's time, from the hold on it to its end.

use jiff::SignedDuration;
use shared::error::Error;
use shared::identity;
use shared::prelude::*;
use shared::settings::{self, SettingError};

use crate::calendar::{self, Entry, Method};

text_enum! {
    /// Where a booking is in its life.
    pub enum BookingStatus {
        /// The time is kept for a few minutes.
        Hold = "hold",
        /// The lesson takes place.
        Confirmed = "confirmed",
        /// It was called off, or moved: then another booking says so.
        Canceled = "canceled",
        /// It was not confirmed in time.
        Expired = "expired",
    }
}

text_enum! {
    /// As whom somebody acts on a booking.
    pub enum Party {
        /// Who learns.
        Student = "student",
        /// Who teaches.
        Teacher = "teacher",
        /// Who runs the practice.
        Admin = "admin",
        /// Nobody: a rule.
        System = "system",
    }
}

/// A booking.
#[row]
pub struct Booking {
    /// Its id.
    pub id: Uuid,
    /// The slot that it is in; null if the teacher has left.
    pub slot_id: Option<Uuid>,
    /// Who learns; null if they have left.
    pub student_id: Option<Uuid>,
    /// Who teaches; null if they have left.
    pub teacher_id: Option<Uuid>,
    /// The package whose lesson it takes.
    pub package_id: Option<Uuid>,
    /// Where it is in its life.
    pub status: BookingStatus,
    /// When the lesson begins.
    pub start_at: Time,
    /// When the lesson ends.
    pub end_at: Time,
    /// Until when a hold is kept.
    pub hold_expires_at: Option<Time>,
    /// When it was confirmed.
    pub confirmed_at: Option<Time>,
    /// When it was called off.
    pub canceled_at: Option<Time>,
    /// By whom.
    pub canceled_as: Option<Party>,
    /// Why, in their words.
    pub cancellation_reason: Option<String>,
    /// Whether its lesson went back into the package.
    pub refund_returned: bool,
    /// Before this moment a student's cancel gives the lesson back.
    pub free_cancel_until: Time,
    /// The booking that was moved to this one.
    pub rescheduled_from_booking_id: Option<Uuid>,
    /// What it was booked in one go with has the same.
    pub series_id: Option<Uuid>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// The booking of a path.
#[input]
pub struct BookingPath {
    /// The booking's id.
    pub booking_id: Uuid,
}

/// Which bookings a list shows.
#[input]
pub struct BookingFilter {
    /// Only those of one status.
    pub status: Option<BookingStatus>,
    /// Only those that begin at this moment or later.
    pub from: Option<Time>,
    /// Only those that begin before this moment.
    pub to: Option<Time>,
    /// Only those of one series.
    pub series_id: Option<Uuid>,
}

/// A booking under the lock of whoever changes it, with what its rules need.
#[derive(FromRow)]
pub struct Locked {
    /// As callers see it.
    #[flatten]
    pub booking: Booking,
    /// Its lesson, once it is confirmed.
    pub lesson_id: Option<Uuid>,
    /// The state of its lesson, once there is one.
    pub lesson_state: Option<crate::lesson::LessonStatus>,
    /// How often students have moved it.
    pub moves: i16,
    /// The calendar entry that it is, through all moves.
    pub calendar_uid: Uuid,
    /// How often calendars were told of a change.
    pub calendar_sequence: i32,
    /// Notes for the lesson, which move along.
    pub topic: Option<String>,
    /// Notes for the lesson, which move along.
    pub notes: Option<String>,
}

/// How long a hold is kept, in minutes: `BOOKING_HOLD_MINUTES`, default 10.
pub fn hold_minutes() -> Result<u64, SettingError> {
    settings::number("BOOKING_HOLD_MINUTES", 10, 1)
}

/// How many elapsed hours before a lesson a student's cancel is free: `BOOKING_REFUND_WINDOW_HOURS`, default 24.
pub fn refund_window_hours() -> Result<u64, SettingError> {
    settings::number("BOOKING_REFUND_WINDOW_HOURS", 24, 0)
}

/// The moment before which a student's cancel of a lesson is free: elapsed hours, whatever clocks do.
pub fn free_cancel_until(start: Time) -> Result<Time> {
    let hours = i64::try_from(refund_window_hours().map_err(internal)?)?;
    Ok(Time(start.0.checked_sub(SignedDuration::from_hours(hours))?))
}

/// The caller's booking, as a student, a teacher or an admin; 404 otherwise.
pub async fn get(tx: &Tx, booking_id: Uuid) -> Result<Booking> {
    tx.find("select * from lessons.booking_view where id = $1", &[&booking_id]).await?.ok_or_else(missing)
}

/// Locks the caller's booking and its package, and gives it; 404 otherwise.
pub async fn lock(tx: &Tx, booking_id: Uuid) -> Result<Locked> {
    let (_, locked) = tokio::try_join!(biased; lock_rows(tx, booking_id), read(tx, booking_id))?;
    Ok(locked)
}

async fn lock_rows(tx: &Tx, booking_id: Uuid) -> Result<u64> {
    tx.execute("select lessons.lock_booking($1)", &[&booking_id]).await
}

/// The caller's booking with what its rules need; 404 otherwise.
pub async fn read(tx: &Tx, booking_id: Uuid) -> Result<Locked> {
    tx.find("select * from lessons.booking_view where id = $1", &[&booking_id]).await?.ok_or_else(missing)
}

/// A page of the bookings of a student, of a teacher, or for an admin of everybody, the newest first.
pub async fn list(tx: &Tx, user: &User, filter: &BookingFilter, paging: Paging) -> Result<Page<Booking>> {
    let (total, items) = tx
        .page(
            "id",
            "with theirs as (
                 select * from lessons.booking_view
                 where ($1 in (student_id, teacher_id) or identity.request_has_role('admin'))
                   and ($2::text is null or status = $2)
                   and ($3::timestamptz is null or start_at >= $3) and ($4::timestamptz is null or start_at < $4)
                   and ($5::uuid is null or series_id = $5)
             ), counted as (select count(*) as total from theirs),
             page as (select * from theirs order by created_at desc, id desc limit $6 offset $7)
             select * from counted left join page on true
             order by created_at desc, id desc",
            &[
                &user.id,
                &filter.status,
                &filter.from,
                &filter.to,
                &filter.series_id,
                &paging.limit,
                &paging.offset,
            ],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// The lesson of a caller's booking as a calendar file, in the caller's language; 404 for a booking that never became one.
pub async fn calendar_file(tx: &Tx, user: &User, booking_id: Uuid) -> Result<String> {
    let (locked, preferences) =
        tokio::try_join!(biased; read(tx, booking_id), identity::preferences(tx, user))?;
    let Locked { booking, calendar_uid, calendar_sequence, lesson_id, .. } = locked;
    lesson_id.ok_or_else(missing)?;
    let other = if booking.student_id == Some(user.id) { booking.teacher_id } else { booking.student_id };
    let name = name_of(tx, other).await?;
    let is_canceled = booking.status != BookingStatus::Confirmed;
    Ok(calendar::calendar(
        if is_canceled { Method::Cancel } else { Method::Publish },
        &[Entry {
            uid: calendar_uid,
            sequence: calendar_sequence,
            starts_at: booking.start_at,
            ends_at: booking.end_at,
            is_canceled,
            changed_at: booking.updated_at,
            summary: &calendar::title(&preferences.locale, name.as_deref()),
            people: None,
        }],
    ))
}

async fn name_of(tx: &Tx, person: Option<Uuid>) -> Result<Option<String>> {
    #[derive(FromRow)]
    struct Named {
        display_name: Option<String>,
    }
    let Some(person) = person else { return Ok(None) };
    let found: Option<Named> =
        tx.find("select display_name from lessons.names_of(array[$1])", &[&person]).await?;
    Ok(found.and_then(|named| named.display_name))
}

/// Ends holds whose time is over, a thousand at most; gives their number.
pub async fn expire_holds(tx: &Tx) -> Result<i64> {
    #[derive(FromRow)]
    struct Expired {
        count: i64,
    }
    Ok(tx.one::<Expired>("select lessons.expire_holds() as count", &[]).await?.count)
}

impl Booking {
    /// As whom the person acts on it.
    pub fn party(&self, user: &User) -> Party {
        if self.student_id == Some(user.id) {
            Party::Student
        } else if self.teacher_id == Some(user.id) {
            Party::Teacher
        } else {
            Party::Admin
        }
    }

    /// Whether it takes time.
    pub fn is_live(&self) -> bool {
        matches!(self.status, BookingStatus::Hold | BookingStatus::Confirmed)
    }
}

/// A booking that is not there for the caller.
pub fn missing() -> Error {
    not_found("Booking not found")
}
