//! A teacher's weekly hours: wall times in a zone of the schedule's own, with exceptions, and the slots that are made of them.
//!
//! Whoever changes a schedule, or makes slots of it, locks its row first, so that two at once come one after the other.

pub mod expansion;
pub mod making;
pub mod projection;
pub mod stored;

use std::borrow::Cow;

use deserr::{IntoValue, ValuePointerRef};
use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::error::invalid;
use shared::input::problem;
use shared::prelude::*;

use crate::booking::BookingStatus;
use crate::slot::Interval;

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

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};
    use shared::input;

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
