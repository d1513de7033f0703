//! A teacher's weekly hours: wall times in a zone of the schedule's own, with exceptions, and the slots that are made of them.
//!
//! Whoever changes a schedule, or makes slots of it, locks its row first, so that two at once come one after the other.

pub mod expansion;
pub mod projection;

use std::borrow::Cow;

use deserr::{IntoValue, ValuePointerRef};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;
use shared::error::{Error, invalid};
use shared::identity;
use shared::input::{self, problem};
use shared::precondition::IfMatch;
use shared::prelude::*;

use crate::booking::BookingStatus;
use crate::slot::{self, Interval};
use expansion::DateHours;
use projection::Existing;

/// A time on a wall clock, `HH:MM`, from 00:00 to 24:00, which is the next day's 00:00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime {
    minutes: i16,
}

/// Hours of a date.
#[input]
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Hours {
    /// When they begin.
    pub from: WallTime,
    /// When they end: on the next day, if that is not later than `from`.
    pub until: WallTime,
}

/// Hours of each week.
#[input]
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Window {
    /// On which day they begin: 0 is Monday, 6 is Sunday.
    pub weekday: Int<0, 6>,
    /// When they begin.
    pub from: WallTime,
    /// When they end: on the next day, if that is not later than `from`.
    pub until: WallTime,
}

/// As many windows as a week may have.
type Windows = List<Window, 84>;

/// As many as a date may have.
type DatesHours = List<Hours, 12>;

/// What a schedule becomes.
#[input]
pub struct NewSchedule {
    /// The zone of the wall times. It does not follow the teacher's own.
    pub timezone: ZoneName,
    /// The hours of a week; those of one week may touch and not overlap.
    pub windows: Windows,
    /// Stays free after each lesson.
    #[default]
    pub break_minutes: Int<0, 240>,
    /// A lesson is booked at least so long before it begins.
    #[default]
    pub notice_minutes: Int<0, 20_160>,
    /// For so many days ahead the hours are on offer.
    #[default]
    pub horizon_days: Int<1, 180, 60>,
}

/// A date that is not as its weekday is, or time off. Either `date`, or `start_at` and `end_at`.
#[input]
pub struct NewException {
    /// The date, in the schedule's zone.
    pub date: Option<Day>,
    /// The hours that begin on the date, instead of its weekday's; none if it is closed.
    #[default]
    pub hours: DatesHours,
    /// When time off begins; without an offset, in UTC.
    pub start_at: Option<Time>,
    /// When time off ends, at most 366 days later; without an offset, in UTC.
    pub end_at: Option<Time>,
}

/// The teacher of a path.
#[input]
pub struct SchedulePath {
    /// The teacher.
    pub teacher_id: Uuid,
}

/// The exception of a path.
#[input]
pub struct ExceptionPath {
    /// The teacher.
    pub teacher_id: Uuid,
    /// The exception.
    pub exception_id: Uuid,
}

/// Of which time the instants are asked.
#[input]
pub struct ScheduleRange {
    /// From this moment on; from now on, if it is not said.
    pub from: Option<Time>,
    /// Until this moment, at most 62 days later; 7 days later, if it is not said.
    pub to: Option<Time>,
}

/// A date that is not as its weekday is, or time off.
#[answer]
pub struct Exception {
    /// Its id.
    pub id: Uuid,
    /// The date, in the schedule's zone; null for time off.
    pub date: Option<Day>,
    /// The hours that begin on the date; none if it is closed, null for time off.
    pub hours: Option<DatesHours>,
    /// When time off begins.
    pub start_at: Option<Time>,
    /// When time off ends.
    pub end_at: Option<Time>,
}

/// A teacher's hours.
#[answer]
pub struct Schedule {
    /// The teacher.
    pub teacher_id: Uuid,
    /// The zone of the wall times.
    pub timezone: String,
    /// The hours of a week.
    pub windows: Windows,
    /// Stays free after each lesson.
    pub break_minutes: i16,
    /// A lesson is booked at least so long before it begins.
    pub notice_minutes: i32,
    /// For so many days ahead the hours are on offer.
    pub horizon_days: i16,
    /// How often it was changed; 0 if there is none yet.
    pub version: i32,
}

/// A teacher's hours with what they are in a range.
#[answer]
pub struct ScheduleInRange {
    /// The hours.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// The exceptions in the range and some days around it.
    pub exceptions: Vec<Exception>,
    /// The instants of the hours in the range: without time off, whoever has booked there.
    pub offered: Vec<Interval>,
}

/// What a change of the hours did.
#[answer]
pub struct Changes {
    /// Slots that were made.
    pub made: Vec<ChangedSlot>,
    /// Slots that nobody had booked and that are offered no more.
    pub withdrawn: Vec<Uuid>,
    /// Slots with lessons that lie partly outside now, and what is left of them.
    pub cut: Vec<ChangedSlot>,
    /// Lessons and holds to come that lie outside now. They stay.
    pub outside: Vec<Outside>,
}

/// A slot of the hours.
#[row]
#[derive(Deserialize)]
pub struct ChangedSlot {
    /// Its id.
    pub id: Uuid,
    /// When it begins.
    pub start_at: Time,
    /// When it ends.
    pub end_at: Time,
}

/// A lesson or a hold outside the hours.
#[answer]
pub struct Outside {
    /// The booking.
    pub booking_id: Uuid,
    /// When it begins.
    pub start_at: Time,
    /// When it ends.
    pub end_at: Time,
    /// Whether it is a hold or a lesson.
    pub status: BookingStatus,
}

/// Hours as they are now, and what their change did.
#[answer]
pub struct ChangedSchedule {
    /// The hours.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// What the change did.
    pub changes: Changes,
}

/// A new exception, and what it did.
#[answer]
pub struct ChangedException {
    /// The exception.
    #[serde(flatten)]
    pub exception: Exception,
    /// What it did.
    pub changes: Changes,
}

/// A range has so many days at most.
const RANGE: SignedDuration = SignedDuration::from_hours(62 * 24);
/// A range begins before it, so that what is reckoned around it is a moment too.
const LATEST: Timestamp = Timestamp::constant(253_370_764_800, 0); // 9999-01-01
/// The range of a caller who says nothing.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Time off has so many days at most.
const LONGEST_OFF: SignedDuration = SignedDuration::from_hours(366 * 24);
/// So many exceptions lie ahead at most.
const EXCEPTIONS: i64 = 400;
/// Windows that began so long before a moment are over by then, however the clocks were changed.
const BEFORE: SignedDuration = SignedDuration::from_hours(3 * 24);

impl WallTime {
    /// Reads `HH:MM`.
    fn parse(text: &str) -> Option<WallTime> {
        let shape = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hours, minutes) =
            text.split_once(':').filter(|(hours, minutes)| shape(hours) && shape(minutes))?;
        let (hours, minutes): (i16, i16) = (hours.parse().ok()?, minutes.parse().ok()?);
        (minutes < 60 && hours * 60 + minutes <= 24 * 60)
            .then_some(WallTime { minutes: hours * 60 + minutes })
    }

    /// The moment on a date's wall clock.
    fn on(self, date: Date) -> Result<DateTime> {
        let midnight = date.at(0, 0, 0, 0);
        Ok(midnight.checked_add(SignedDuration::from_mins(self.minutes.into()))?)
    }
}

impl Deserr<Problems> for WallTime {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<WallTime, Problems> {
        let deserr::Value::String(text) = value else {
            return Err(problem(location, "type", "Input should be a valid string"));
        };
        let sentence = "Input should be a time from 00:00 to 24:00";
        WallTime::parse(&text).ok_or_else(|| problem(location, "time", sentence))
    }
}

impl Serialize for WallTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.minutes / 60, self.minutes % 60))
    }
}

impl JsonSchema for WallTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WallTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "examples": ["09:00"] })
    }
}

impl Hours {
    fn starts_on(self, date: Date) -> Result<DateTime> {
        self.from.on(date)
    }

    /// When they end if they begin on a date.
    fn ends_of(self, date: Date) -> Result<DateTime> {
        self.until.on(if self.until <= self.from { date.tomorrow()? } else { date })
    }

    /// The minutes of the day, from its midnight on, that they have.
    fn minutes(self) -> (i16, i16) {
        let next_day = if self.until <= self.from { 24 * 60 } else { 0 };
        (self.from.minutes, self.until.minutes + next_day)
    }
}

impl Window {
    fn hours(&self) -> Hours {
        Hours { from: self.from, until: self.until }
    }

    /// The minutes of the week that it has, from Monday's midnight on: those after Sunday are the next week's first.
    fn minutes(&self) -> Vec<(i64, i64)> {
        const WEEK: i64 = 7 * 24 * 60;
        let (from, until) = self.hours().minutes();
        let midnight = self.weekday.get() * 24 * 60;
        let (from, until) = (midnight + i64::from(from), midnight + i64::from(until));
        if until <= WEEK { vec![(from, until)] } else { vec![(from, WEEK), (0, until - WEEK)] }
    }
}

/// 400 for windows that begin where a day ends, and for the second of two that overlap.
fn check_windows(path: &str, spans: &[Vec<(i64, i64)>], froms: &[WallTime]) -> Result<()> {
    let mut bad = Vec::new();
    for (number, span) in spans.iter().enumerate() {
        if froms[number].minutes == 24 * 60 {
            bad.push((format!("{path}/{number}/from"), "time", "Input should be before 24:00".to_owned()));
        }
        let overlaps = |other: &Vec<(i64, i64)>| {
            span.iter().any(|one| other.iter().any(|two| one.0 < two.1 && two.0 < one.1))
        };
        if let Some(first) = spans[..number].iter().position(overlaps) {
            let sentence = format!("Input should not overlap {path}/{first}");
            bad.push((format!("{path}/{number}"), "overlap", sentence));
        }
    }
    if bad.is_empty() {
        return Ok(());
    }
    let of = |(path, code, message): (String, &'static str, String)| shared::error::FieldError {
        path,
        code: code.into(),
        message: message.into(),
    };
    Err(invalid(bad.into_iter().map(of).collect()))
}

/// 400 for hours of one date that overlap.
pub fn check_hours(hours: &[Hours]) -> Result<()> {
    let minutes = |hours: &Hours| {
        let (from, until) = hours.minutes();
        vec![(from.into(), until.into())]
    };
    let spans: Vec<_> = hours.iter().map(minutes).collect();
    let froms: Vec<_> = hours.iter().map(|hours| hours.from).collect();
    check_windows("/hours", &spans, &froms)
}

impl NewSchedule {
    /// 400 if two windows overlap, also over the week's end.
    pub fn check(&self) -> Result<()> {
        let spans: Vec<_> = self.windows.0.iter().map(Window::minutes).collect();
        let froms: Vec<_> = self.windows.0.iter().map(|window| window.from).collect();
        check_windows("/windows", &spans, &froms)
    }
}

impl NewException {
    /// 400 unless it is a date or time off, and 422 for time off that cannot be.
    pub fn check(&self) -> Result<()> {
        match (self.date, self.start_at, self.end_at) {
            (Some(_), None, None) => check_hours(&self.hours.0),
            (None, Some(start), Some(end)) => {
                if !self.hours.0.is_empty() {
                    return Err(invalid_field("/hours", "unexpected", "hours go with a date"));
                }
                if end <= start {
                    return Err(unprocessable("end_at must be after start_at"));
                }
                if end.0.duration_since(start.0) > LONGEST_OFF {
                    return Err(unprocessable("time off has 366 days at most"));
                }
                Ok(())
            }
            _ => Err(invalid_field("/date", "missing", "either date, or start_at and end_at")),
        }
    }
}

impl ScheduleRange {
    /// From when to when. 400 if it is empty or too long.
    pub fn interval(&self, now: Timestamp) -> Result<Interval> {
        let start_at = self.from.unwrap_or(Time(now));
        if start_at.0 >= LATEST {
            return Err(invalid_field("/from", "range", "Input should be before the year 9999"));
        }
        let end_at = match self.to {
            Some(to) => to,
            None => Time(start_at.0.checked_add(WEEK)?),
        };
        let length = end_at.0.duration_since(start_at.0);
        if length <= SignedDuration::ZERO || length > RANGE {
            let sentence = "Input should be later than from, by at most 62 days";
            return Err(invalid_field("/to", "range", sentence));
        }
        Ok(Interval { start_at, end_at })
    }
}

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
fn occurrences(schedule: &Schedule, exceptions: &[Exception], range: Interval) -> Result<Vec<Interval>> {
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

fn time_off(exceptions: &[Exception]) -> Vec<Interval> {
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
async fn exceptions_of(tx: &Tx, teacher_id: Uuid, range: Interval) -> Result<Vec<Exception>> {
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
    let exceptions = exceptions_of(&tx, teacher_id, range).await?;
    let mut wanted = if is_teaching {
        projection::wanted(&occurrences(schedule, &exceptions, range)?, &time_off(&exceptions))
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

fn missing() -> Error {
    not_found("Schedule not found")
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn hours(from: &str, until: &str) -> Hours {
        let time = |text| WallTime::parse(text).unwrap();
        Hours { from: time(from), until: time(until) }
    }

    pub(crate) fn window(weekday: i8, from: &str, until: &str) -> Window {
        input::read(json!({ "weekday": weekday, "from": from, "until": until })).unwrap()
    }

    fn schedule(windows: Value) -> NewSchedule {
        input::read(json!({ "timezone": "Europe/Berlin", "windows": windows })).unwrap()
    }

    fn faults(windows: Value) -> Vec<String> {
        let error = schedule(windows).check().unwrap_err();
        error.body("").errors.into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn a_wall_time_is_two_digits_twice() {
        for (text, minutes) in [("00:00", 0), ("09:05", 545), ("23:59", 1439), ("24:00", 1440)] {
            let time = WallTime::parse(text).unwrap();
            assert_eq!((time.minutes, serde_json::to_value(time).unwrap()), (minutes, json!(text)));
        }
        for text in ["", "9:00", "24:01", "12:60", "+1:00", "12:00:00", "ab:cd", "12-00"] {
            assert_eq!(WallTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn windows_may_touch_and_not_overlap_in_the_week_s_round() {
        let at = |weekday: i64, from: &str, until: &str| json!({ "weekday": weekday, "from": from, "until": until });
        schedule(json!([at(0, "09:00", "12:00"), at(0, "12:00", "15:00"), at(1, "09:00", "12:00")]))
            .check()
            .unwrap();
        schedule(json!([at(6, "22:00", "02:00"), at(0, "02:00", "03:00")])).check().unwrap();
        schedule(json!([at(0, "00:00", "24:00"), at(1, "00:00", "00:00")])).check().unwrap();
        assert_eq!(faults(json!([at(0, "09:00", "17:00"), at(0, "10:00", "16:00")])), ["/windows/1"]);
        assert_eq!(faults(json!([at(0, "01:00", "03:00"), at(6, "22:00", "02:00")])), ["/windows/1"]);
        assert_eq!(faults(json!([at(0, "09:00", "09:00"), at(1, "08:59", "09:30")])), ["/windows/1"]);
        assert_eq!(faults(json!([at(0, "24:00", "02:00")])), ["/windows/0/from"]);
    }
}
