//! A lesson: what a confirmed booking is for. Its time and people are the booking's.

use jiff::Timestamp;
use serde_json::json;
use shared::error::Error;
use shared::prelude::*;

use crate::booking::Booking;
use crate::event::{self, Event};
use crate::package::{self, EntryKind};

text_enum! {
    /// What became of a lesson.
    pub enum LessonStatus {
        /// It takes place.
        Scheduled = "scheduled",
        /// It took place.
        Completed = "completed",
        /// The student did not come.
        NoShow = "no_show",
        /// It was called off.
        Canceled = "canceled",
    }
}

/// A lesson.
#[row]
pub struct Lesson {
    /// Its id.
    pub id: Uuid,
    /// Its booking.
    pub booking_id: Uuid,
    /// Who learns; null if they have left.
    pub student_id: Option<Uuid>,
    /// Who teaches; null if they have left.
    pub teacher_id: Option<Uuid>,
    /// When it begins.
    pub scheduled_start_at: Time,
    /// When it ends.
    pub scheduled_end_at: Time,
    /// What became of it.
    pub status: LessonStatus,
    /// What it is about.
    pub topic: Option<String>,
    /// What the teacher notes for the student.
    pub notes: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

/// Changes of a lesson; absent fields stay as they are, and so do nulls of `status`.
#[input]
pub struct LessonPatch {
    /// What became of it.
    pub status: Option<LessonStatus>,
    /// What it is about; null takes it away.
    pub topic: Change<Option<Text<0, 255>>>,
    /// What the teacher notes for the student; null takes it away.
    pub notes: Change<Option<Text<0, 20000>>>,
}

/// The lesson of a path.
#[input]
pub struct LessonPath {
    /// The lesson's id.
    pub lesson_id: Uuid,
}

/// Which lessons a list shows.
#[input]
pub struct LessonFilter {
    /// Only those of one status.
    pub status: Option<LessonStatus>,
    /// Only those that begin at this moment or later.
    pub from: Option<Time>,
    /// Only those that begin before this moment.
    pub to: Option<Time>,
}

impl LessonPatch {
    /// Says what became of it, and nothing else.
    pub fn marking(status: LessonStatus) -> LessonPatch {
        LessonPatch { status: Some(status), topic: Change::Absent, notes: Change::Absent }
    }
}

/// A page of the lessons of a student, of a teacher, or for an admin of everybody, the first first.
pub async fn list(tx: &Tx, user: &User, filter: &LessonFilter, paging: Paging) -> Result<Page<Lesson>> {
    let (total, items) = tx
        .page(
            "id",
            "with theirs as (
                 select * from lessons.lesson_view
                 where ($1 in (student_id, teacher_id) or identity.request_has_role('admin'))
                   and ($2::text is null or status = $2)
                   and ($3::timestamptz is null or scheduled_start_at >= $3)
                   and ($4::timestamptz is null or scheduled_start_at < $4)
             ), counted as (select count(*) as total from theirs),
             page as (select * from theirs order by scheduled_start_at, id limit $5 offset $6)
             select * from counted left join page on true
             order by scheduled_start_at, id",
            &[&user.id, &filter.status, &filter.from, &filter.to, &paging.limit, &paging.offset],
        )
        .await?;
    Ok(paging.page(items, total))
}

/// Locks a lesson that the caller gives, or for an admin anybody's, with its booking; 404 otherwise.
pub async fn lock(tx: &Tx, user: &User, lesson_id: Uuid) -> Result<(Lesson, Booking)> {
    let (_, lesson, booking) = tokio::try_join!(
        biased;
        lock_rows(tx, lesson_id),
        find_taught(tx, user, lesson_id),
        find_booking(tx, lesson_id),
    )?;
    lesson.zip(booking).ok_or_else(missing)
}

async fn lock_rows(tx: &Tx, lesson_id: Uuid) -> Result<u64> {
    let sql = "select lessons.lock_booking(id) from lessons.bookings where lesson_id = $1";
    tx.execute(sql, &[&lesson_id]).await
}

async fn find_taught(tx: &Tx, user: &User, lesson_id: Uuid) -> Result<Option<Lesson>> {
    let sql = "select * from lessons.lesson_view
               where id = $1 and (teacher_id = $2 or identity.request_has_role('admin'))";
    tx.find(sql, &[&lesson_id, &user.id]).await
}

async fn find_booking(tx: &Tx, lesson_id: Uuid) -> Result<Option<Booking>> {
    tx.find("select * from lessons.booking_view where lesson_id = $1", &[&lesson_id]).await
}

/// Changes a locked lesson, in one flight that ends the transaction. A lesson is marked from its start on, and uses its
/// lesson of the package with that; an admin may mark it otherwise later. 409 for what cannot follow.
pub async fn update(
    tx: Tx,
    lesson: &Lesson,
    booking: &Booking,
    is_admin: bool,
    patch: &LessonPatch,
) -> Result<Lesson> {
    let marked = patch.status.filter(|status| *status != lesson.status);
    if let Some(status) = marked {
        must_follow(lesson, status, is_admin)?;
    }
    let takes = marked.is_some() && lesson.status == LessonStatus::Scheduled;
    tx.commit_with(async |tx| {
        let (_, (), (), lesson) = tokio::try_join!(
            biased;
            store(tx, lesson.id, marked, patch),
            use_up(tx, booking, takes),
            tell(tx, lesson, booking, marked),
            get(tx, lesson.id),
        )?;
        Ok(lesson)
    })
    .await
}

async fn store(tx: &Tx, lesson_id: Uuid, marked: Option<LessonStatus>, patch: &LessonPatch) -> Result<u64> {
    let topic = patch.topic.as_set().map(|topic| topic.as_ref().map(Text::as_str));
    let notes = patch.notes.as_set().map(|notes| notes.as_ref().map(Text::as_str));
    tx.execute(
        "update lessons.bookings
         set lesson_state = coalesce($2, lesson_state),
             topic = case when $3 then nullif($4, '') else topic end,
             notes = case when $5 then nullif($6, '') else notes end,
             lesson_updated_at = case when $2::text is not null or $3 or $5 then now() else lesson_updated_at end
         where lesson_id = $1",
        &[&lesson_id, &marked, &topic.is_some(), &topic.flatten(), &notes.is_some(), &notes.flatten()],
    )
    .await
}

fn must_follow(lesson: &Lesson, status: LessonStatus, is_admin: bool) -> Result<()> {
    use LessonStatus::{Canceled, Completed, NoShow, Scheduled};
    match (lesson.status, status) {
        (_, Canceled) => Err(conflict("A lesson is canceled with its booking")),
        (Scheduled, _) if lesson.scheduled_start_at.0 > Timestamp::now() => {
            Err(conflict("The lesson has not begun"))
        }
        (Scheduled, _) => Ok(()),
        (Completed, NoShow) | (NoShow, Completed) if is_admin => Ok(()),
        _ => Err(conflict("The lesson cannot become that any more")),
    }
}

async fn use_up(tx: &Tx, booking: &Booking, takes: bool) -> Result<()> {
    match booking.package_id.filter(|_| takes) {
        Some(package) => package::enter(tx, package, EntryKind::Use, booking.id).await,
        None => Ok(()),
    }
}

async fn tell(tx: &Tx, lesson: &Lesson, booking: &Booking, marked: Option<LessonStatus>) -> Result<()> {
    let kind = match marked {
        Some(LessonStatus::Completed) => "lesson.completed",
        Some(LessonStatus::NoShow) => "lesson.no_show",
        _ => return Ok(()),
    };
    event::record(tx, &Event::of_lesson(kind, lesson.id, booking).with(json!({ "was": lesson.status }))).await
}

async fn get(tx: &Tx, lesson_id: Uuid) -> Result<Lesson> {
    let found = tx.find("select * from lessons.lesson_view where id = $1", &[&lesson_id]).await?;
    found.ok_or_else(missing)
}

fn missing() -> Error {
    not_found("Lesson not found")
}
