//! The schedule and its exceptions as they are stored, and what they mean in a range.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use shared::error::Error;
use shared::identity;
use shared::input;
use shared::precondition::IfMatch;
use shared::prelude::*;

use super::expansion::{self, DateHours};
use super::{
    BEFORE, EXCEPTIONS, Exception, ExceptionPath, NewException, NewSchedule, Schedule, ScheduleInRange,
};
use crate::slot::Interval;

/// A schedule as it is stored.
#[derive(FromRow)]
struct Stored {
    timezone: String,
    windows: Value,
    break_minutes: i16,
    notice_minutes: i32,
    horizon_days: i16,
    version: i32,
}

/// An exception as it is stored.
#[derive(FromRow)]
struct StoredException {
    id: Uuid,
    on_date: Option<Day>,
    windows: Option<Value>,
    off_from: Option<Time>,
    off_until: Option<Time>,
}

impl Stored {
    fn schedule(self, teacher_id: Uuid) -> Result<Schedule> {
        Ok(Schedule {
            teacher_id,
            timezone: self.timezone,
            windows: input::read(self.windows).map_err(unreadable)?,
            break_minutes: self.break_minutes,
            notice_minutes: self.notice_minutes,
            horizon_days: self.horizon_days,
            version: self.version,
        })
    }
}

impl StoredException {
    fn exception(self) -> Result<Exception> {
        Ok(Exception {
            id: self.id,
            date: self.on_date,
            hours: self.windows.map(input::read).transpose().map_err(unreadable)?,
            start_at: self.off_from,
            end_at: self.off_until,
        })
    }
}

/// What is stored was read once before.
fn unreadable(error: Error) -> Error {
    internal(error.message().to_owned())
}

/// The hours of a teacher, for them or for an admin; 404 otherwise. A teacher who has none yet has an empty week in UTC.
pub async fn get(tx: &Tx, user: &User, teacher_id: Uuid, range: Interval) -> Result<ScheduleInRange> {
    let (schedule, exceptions) =
        tokio::try_join!(biased; find(tx, user, teacher_id), exceptions_of(tx, teacher_id, range))?;
    let schedule = schedule.ok_or_else(missing)?;
    let offered = offered_in(&schedule, &exceptions, range)?;
    Ok(ScheduleInRange { schedule, exceptions, offered })
}

/// What the hours of a schedule are in a range, to the second.
fn offered_in(schedule: &Schedule, exceptions: &[Exception], range: Interval) -> Result<Vec<Interval>> {
    let off = expansion::union(&time_off(exceptions));
    let occurrences = occurrences(schedule, exceptions, range)?;
    let all = expansion::union(&occurrences);
    let offered = all.into_iter().flat_map(|interval| expansion::without(interval, &off));
    Ok(offered.filter_map(|interval| interval.shared_with(range)).collect())
}

/// The occurrences of the windows that can reach into a range, with three days on either side.
pub(super) fn occurrences(
    schedule: &Schedule,
    exceptions: &[Exception],
    range: Interval,
) -> Result<Vec<Interval>> {
    let zone = expansion::zone(&schedule.timezone)?;
    let of_date = |exception: &Exception| {
        let (date, hours) = (exception.date?.0, exception.hours.as_ref()?.0.clone());
        Some(DateHours { date, hours })
    };
    let dates: Vec<DateHours> = exceptions.iter().filter_map(of_date).collect();
    let around = |moment: Timestamp| moment.to_zoned(TimeZone::UTC).date();
    let first = around(range.start_at.0.checked_sub(BEFORE)?);
    let last = around(range.end_at.0.checked_add(BEFORE)?);
    expansion::occurrences(&zone, &schedule.windows.0, &dates, (first, last))
}

pub(super) fn time_off(exceptions: &[Exception]) -> Vec<Interval> {
    let off =
        |exception: &Exception| Some(Interval { start_at: exception.start_at?, end_at: exception.end_at? });
    exceptions.iter().filter_map(off).collect()
}

async fn find(tx: &Tx, user: &User, teacher_id: Uuid) -> Result<Option<Schedule>> {
    let found: Option<Stored> = tx
        .find(
            "select coalesce(timezone, 'UTC') as timezone, coalesce(windows, '[]') as windows,
                    coalesce(break_minutes, 0::smallint) as break_minutes, coalesce(notice_minutes, 0) as notice_minutes,
                    coalesce(horizon_days, 60::smallint) as horizon_days, coalesce(version, 0) as version
             from (values ($1::uuid)) as teacher (id)
             left join lessons.schedules on schedules.teacher_id = teacher.id
             left join lessons.teaching_rules as rules on rules.teacher_id = teacher.id
             where ($1 = $2 or identity.request_has_role('admin'))
               and (version is not null or $1 = $2 and identity.request_has_role('teacher'))",
            &[&teacher_id, &user.id],
        )
        .await?;
    found.map(|stored| stored.schedule(teacher_id)).transpose()
}

/// The exceptions that reach into a range, in the order in which they were made.
pub(super) async fn exceptions_of(tx: &Tx, teacher_id: Uuid, range: Interval) -> Result<Vec<Exception>> {
    let found: Vec<StoredException> = tx
        .list(
            "select id, on_date, windows, off_from, off_until from lessons.schedule_exceptions
             where teacher_id = $1
               and (on_date between ($2::timestamptz at time zone 'UTC')::date - 4
                                and ($3::timestamptz at time zone 'UTC')::date + 4
                    or off_from < $3 + interval '4 days' and off_until > $2 - interval '4 days')
             order by coalesce(on_date::timestamp at time zone 'UTC', off_from), id",
            &[&teacher_id, &range.start_at, &range.end_at],
        )
        .await?;
    found.into_iter().map(StoredException::exception).collect()
}

/// Whether the caller may change the hours: their own, or for an admin anybody's; 404 otherwise.
pub async fn must_be_theirs(tx: &Tx, user: &User, teacher_id: Uuid) -> Result<()> {
    if user.id == teacher_id || identity::has_role(tx, Role::Admin).await? { Ok(()) } else { Err(missing()) }
}

/// Stores hours, under the lock of their row. 412 if they are not of the version that the caller knows, 404 for somebody who
/// does not teach.
pub async fn set(tx: &Tx, teacher_id: Uuid, new: &NewSchedule, known: &IfMatch) -> Result<Schedule> {
    let (version, _) =
        tokio::try_join!(biased; upsert(tx, teacher_id, new, known), set_rules(tx, teacher_id, new))?;
    let version = version.ok_or_else(IfMatch::failed)?;
    Ok(Schedule {
        teacher_id,
        timezone: new.timezone.as_str().to_owned(),
        windows: new.windows.clone(),
        break_minutes: i16::try_from(new.break_minutes.get())?,
        notice_minutes: i32::try_from(new.notice_minutes.get())?,
        horizon_days: i16::try_from(new.horizon_days.get())?,
        version: version.version,
    })
}

#[derive(FromRow)]
struct Version {
    version: i32,
}

async fn upsert(tx: &Tx, teacher_id: Uuid, new: &NewSchedule, known: &IfMatch) -> Result<Option<Version>> {
    tx.find(
        "insert into lessons.schedules as stored (teacher_id, timezone, windows)
         select $1, $2, $3
         where $4::integer[] is null or 0 = any ($4)
            or exists (select from lessons.schedules where teacher_id = $1)
         on conflict (teacher_id) do update
         set timezone = excluded.timezone, windows = excluded.windows, version = stored.version + 1, updated_at = now()
         where $4::integer[] is null or stored.version = any ($4)
         returning version",
        &[&teacher_id, &new.timezone.as_str(), &serde_json::to_value(&new.windows)?, &known.versions()],
    )
    .await
    .on_constraint("schedules_role", missing)
}

async fn set_rules(tx: &Tx, teacher_id: Uuid, new: &NewSchedule) -> Result<u64> {
    tx.execute(
        "insert into lessons.teaching_rules (teacher_id, break_minutes, notice_minutes, horizon_days)
         values ($1, $2::bigint, $3::bigint, $4::bigint)
         on conflict (teacher_id) do update
         set break_minutes = excluded.break_minutes, notice_minutes = excluded.notice_minutes,
             horizon_days = excluded.horizon_days, updated_at = now()",
        &[&teacher_id, &new.break_minutes, &new.notice_minutes, &new.horizon_days],
    )
    .await
}

/// Locks the hours of a teacher, and counts a change of them.
pub async fn touch(tx: &Tx, teacher_id: Uuid) -> Result<Schedule> {
    let sql = "with touched as (
                   update lessons.schedules set version = version + 1, updated_at = now() where teacher_id = $1
                   returning *
               )
               select timezone, windows, version, coalesce(break_minutes, 0::smallint) as break_minutes,
                      coalesce(notice_minutes, 0) as notice_minutes, coalesce(horizon_days, 60::smallint) as horizon_days
               from touched left join lessons.teaching_rules as rules using (teacher_id)";
    let found: Option<Stored> = tx.find(sql, &[&teacher_id]).await?;
    found.ok_or_else(missing)?.schedule(teacher_id)
}

/// Locks the hours of a teacher without a change, if they have any.
pub async fn lock(tx: &Tx, teacher_id: Uuid) -> Result<Option<Schedule>> {
    let sql = "select timezone, windows, version, coalesce(break_minutes, 0::smallint) as break_minutes,
                      coalesce(notice_minutes, 0) as notice_minutes, coalesce(horizon_days, 60::smallint) as horizon_days
               from lessons.schedules left join lessons.teaching_rules as rules using (teacher_id)
               where teacher_id = $1
               for update of schedules";
    let found: Option<Stored> = tx.find(sql, &[&teacher_id]).await?;
    found.map(|stored| stored.schedule(teacher_id)).transpose()
}

/// Stores an exception of hours that are locked. 409 for a second one of a date, 422 if there are too many.
pub async fn add_exception(tx: &Tx, teacher_id: Uuid, new: &NewException) -> Result<Exception> {
    let made: Option<StoredException> = tx
        .find(
            "insert into lessons.schedule_exceptions (id, teacher_id, on_date, windows, off_from, off_until)
             select $1, $2, $3, $4, $5, $6
             where (select count(*) from lessons.schedule_exceptions
                    where teacher_id = $2 and (on_date >= current_date - 1 or off_until > now())) < $7
             returning id, on_date, windows, off_from, off_until",
            &[
                &Uuid::now_v7(),
                &teacher_id,
                &new.date,
                &new.date.map(|_| serde_json::to_value(&new.hours)).transpose()?,
                &new.start_at,
                &new.end_at,
                &EXCEPTIONS,
            ],
        )
        .await
        .on_constraint("schedule_exceptions_date", || conflict("the date has an exception already"))?;
    made.ok_or_else(|| unprocessable("there are 400 exceptions ahead, which is as many as there may be"))?
        .exception()
}

/// Takes an exception of hours that are locked away; 404 if there is none.
pub async fn remove_exception(tx: &Tx, path: &ExceptionPath) -> Result<()> {
    let sql = "delete from lessons.schedule_exceptions where id = $1 and teacher_id = $2";
    match tx.execute(sql, &[&path.exception_id, &path.teacher_id]).await? {
        0 => Err(not_found("Exception not found")),
        _ => Ok(()),
    }
}

fn missing() -> Error {
    not_found("Schedule not found")
}
