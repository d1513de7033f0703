//! Types whose constructor is the rule: texts with a length, whole numbers with a range, days, times, states.
//!
//! They read leniently where clients rely on it (a number may come as a numeric text, a boolean as `"true"`), and their
//! schemas say so.

mod schema;
mod sql;
mod text;
mod zone;

use std::borrow::Cow;

use deserr::{Deserr, IntoValue, Sequence, Value, ValuePointerRef};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

pub use text::{Name, Text, is_blank, name_within};
pub use zone::ZoneName;

use crate::problem::{Problems, problem};

/// A whole number from `MIN` to `MAX`; `DEFAULT` where a field may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Int<const MIN: i64, const MAX: i64, const DEFAULT: i64 = MIN>(i64);

/// True or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Flag(pub bool);

/// At most `MAX` items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(pub Vec<T>);

/// A calendar day, `YYYY-MM-DD`, from 0001-01-01 to 9999-12-24: a week from it still has a year of four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub Date);

/// A moment; on the wire ISO 8601 in UTC with `Z` and six fractional digits, none when they are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub jiff::Timestamp);

/// A field of a partial update: absent leaves it as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// The field is not in the body.
    #[default]
    Absent,
    /// The field's new value.
    Set(T),
}

impl<const MIN: i64, const MAX: i64, const DEFAULT: i64> Int<MIN, MAX, DEFAULT> {
    /// The number.
    pub fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64, const DEFAULT: i64> Default for Int<MIN, MAX, DEFAULT> {
    fn default() -> Self {
        const { assert!(DEFAULT >= MIN && DEFAULT <= MAX, "the default is out of the range") };
        Int(DEFAULT)
    }
}

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl Flag {
    /// The truth.
    pub fn get(self) -> bool {
        self.0
    }
}

impl<T> Change<T> {
    /// Whether the field is not in the body.
    pub fn is_absent(&self) -> bool {
        matches!(self, Change::Absent)
    }

    /// The new value, if there is one.
    pub fn as_set(&self) -> Option<&T> {
        match self {
            Change::Absent => None,
            Change::Set(value) => Some(value),
        }
    }
}

impl<const MIN: i64, const MAX: i64, const DEFAULT: i64> Deserr<Problems> for Int<MIN, MAX, DEFAULT> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let number: i128 = match value {
            Value::Integer(number) => number.into(),
            Value::NegativeInteger(number) => number.into(),
            Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e18 => number as i128,
            Value::Float(_) => {
                let sentence = "Input should be a valid integer, got a number with a fractional part";
                return Err(problem(location, "type", sentence));
            }
            Value::String(text) => match whole_number(&text) {
                Some(number) => number,
                None => {
                    let sentence = "Input should be a valid integer, unable to parse string as an integer";
                    return Err(problem(location, "type", sentence));
                }
            },
            _ => return Err(problem(location, "type", "Input should be a valid integer")),
        };
        if number < i128::from(MIN) {
            let sentence = format!("Input should be greater than or equal to {MIN}");
            return Err(problem(location, "too_small", sentence));
        }
        match i64::try_from(number) {
            Ok(number) if number <= MAX => Ok(Int(number)),
            _ => Err(problem(location, "too_large", format!("Input should be less than or equal to {MAX}"))),
        }
    }
}

/// A numeric text: a sign, digits, and at most a fraction of zeros. A longer one than any range holds is saturated.
fn whole_number(text: &str) -> Option<i128> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let is_number = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte == b'0');
    if !is_number {
        return None;
    }
    let size = digits.parse::<i128>().unwrap_or(i128::MAX);
    Some(if whole.starts_with('-') { -size } else { size })
}

impl Deserr<Problems> for Flag {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        match &value {
            Value::Boolean(flag) => Ok(Flag(*flag)),
            Value::Integer(0) => Ok(Flag(false)),
            Value::Integer(1) => Ok(Flag(true)),
            Value::String(text) if TRUE.contains(&text.to_ascii_lowercase().as_str()) => Ok(Flag(true)),
            Value::String(text) if FALSE.contains(&text.to_ascii_lowercase().as_str()) => Ok(Flag(false)),
            _ => Err(problem(location, "type", "Input should be a valid boolean")),
        }
    }
}

const TRUE: [&str; 6] = ["true", "yes", "on", "1", "t", "y"];
const FALSE: [&str; 6] = ["false", "no", "off", "0", "f", "n"];

impl<T: Deserr<Problems>, const MAX: usize> Deserr<Problems> for List<T, MAX> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let Value::Sequence(sequence) = value else {
            return Err(problem(location, "type", "Input should be a valid list"));
        };
        let length = sequence.len();
        if length > MAX {
            let sentence = format!("List should have at most {MAX} items after validation, not {length}");
            return Err(problem(location, "too_long", sentence));
        }
        let (mut items, mut problems) = (Vec::with_capacity(length), Vec::new());
        for (index, item) in sequence.into_iter().enumerate() {
            match T::deserialize_from_value(item.into_value(), location.push_index(index)) {
                Ok(item) => items.push(item),
                Err(more) => problems.extend(more.0),
            }
        }
        if problems.is_empty() { Ok(List(items)) } else { Err(Problems(problems)) }
    }
}

impl<T: Deserr<Problems>> Deserr<Problems> for Change<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        T::deserialize_from_value(value, location).map(Change::Set)
    }
}

impl Deserr<Problems> for Uuid {
    /// Any form that RFC 9562 readers take: hyphenated, compact, `urn:uuid:`, in braces, in any case.
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        match value {
            Value::String(text) => {
                Uuid::try_parse(&text).map_err(|_| problem(location, "uuid", "Input should be a valid UUID"))
            }
            _ => Err(problem(location, "type", "UUID input should be a string")),
        }
    }
}

impl Deserr<Problems> for Day {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let Value::String(text) = value else {
            return Err(problem(location, "type", "Input should be a valid date"));
        };
        Day::parse(&text).map_err(|sentence| problem(location, "date", sentence))
    }
}

impl Deserr<Problems> for Time {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Problems> {
        let Value::String(text) = value else {
            return Err(problem(location, "type", "Input should be a valid datetime"));
        };
        Time::parse(&text).map_err(|sentence| problem(location, "datetime", sentence))
    }
}

impl Time {
    /// Reads ISO 8601 with `T` or a space, to the microsecond: with an offset, or without one in UTC. `Err` is a sentence for
    /// the caller.
    pub fn parse(text: &str) -> Result<Time, &'static str> {
        let text = text.trim();
        // A zone in brackets or a date alone says less than a moment, or more than everybody reads the same.
        let is_moment = (16..=40).contains(&text.len()) && !text.contains('[');
        let moment = text.parse::<jiff::Timestamp>().or_else(|_| {
            text.parse::<jiff::civil::DateTime>()?
                .to_zoned(jiff::tz::TimeZone::UTC)
                .map(|zoned| zoned.timestamp())
        });
        let moment = moment.ok().filter(|_| is_moment);
        let moment =
            moment.and_then(|moment| jiff::Timestamp::from_microsecond(moment.as_microsecond()).ok());
        let Some(moment) = moment else {
            return Err("Input should be a valid datetime, for example 2027-03-10T15:00:00Z");
        };
        let year = moment.to_zoned(jiff::tz::TimeZone::UTC).year();
        if !(1..=9999).contains(&year) {
            return Err("Input should be a datetime of the years 1 to 9999");
        }
        Ok(Time(moment))
    }
}

impl Day {
    /// Reads `YYYY-MM-DD`, also with the time at which the day begins (`2026-11-23T00:00:00`); `Err` is a sentence for the
    /// caller.
    pub fn parse(text: &str) -> Result<Day, &'static str> {
        let text = text.get(..10).filter(|_| is_zero_time(&text[10..])).unwrap_or(text);
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(place, byte)| match place {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let date = match shape.then(|| text.parse::<Date>()) {
            Some(Ok(date)) => date,
            _ => return Err("Input should be a valid date in the format YYYY-MM-DD"),
        };
        if date.year() < 1 || date > jiff::civil::date(9999, 12, 24) {
            return Err("Input should be a date from 0001-01-01 to 9999-12-24");
        }
        Ok(Day(date))
    }
}

/// `T00:00:00`, with or without seconds and a fraction of zeros, as clients write a day that they have as a date with a time.
/// With an offset it would be a moment, whose day depends on who asks.
fn is_zero_time(text: &str) -> bool {
    let Some(time) = text.strip_prefix(['T', 't', ' ', '_']).and_then(|text| text.strip_prefix("00:00"))
    else {
        return false;
    };
    match time.strip_prefix(":00") {
        None => time.is_empty(),
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('.')
            .is_some_and(|fraction| !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0')),
    }
}

impl<T: Serialize> Serialize for Change<T> {
    /// The new value. An absent field is left out by whoever has it, as `#[input]` does.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_set().serialize(serializer)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let precision = if self.0.subsec_nanosecond() / 1000 == 0 { 0 } else { 6 };
        serializer.collect_str(&format_args!("{:.1$}", self.0, precision))
    }
}

impl<'de> Deserialize<'de> for Time {
    /// Also as PostgreSQL writes it in `jsonb` (`2026-03-02T07:05:10.5+00:00`).
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map(Time).map_err(serde::de::Error::custom)
    }
}
