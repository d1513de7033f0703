//! The six fields of an AWS cron expression: minutes, hours, day of month, month, day of week, year.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use jiff::civil::{Date, DateTime, Weekday, date};

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const LAST_YEAR: i16 = 2199;

/// A parsed expression.
#[derive(Clone, Debug)]
pub(super) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Days,
    months: BTreeSet<i16>,
    years: BTreeSet<i16>,
}

#[derive(Clone, Debug)]
enum Days {
    OfMonth(Vec<OfMonth>),
    OfWeek(Vec<OfWeek>),
}

#[derive(Clone, Debug)]
enum OfMonth {
    Numbers(BTreeSet<i16>),
    Last,
    LastWeekday,
    /// The weekday nearest to this day, within the month.
    NearestWeekday(i8),
}

#[derive(Clone, Debug)]
enum OfWeek {
    /// 1 is Sunday.
    Numbers(BTreeSet<i16>),
    /// The last such day of the month.
    Last(i8),
    /// The nth such day of the month.
    Nth(i8, i8),
}

impl Cron {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let fields: Vec<_> = text.split_whitespace().collect();
        let [minutes, hours, of_month, months, of_week, years] = fields[..] else {
            bail!("cron has six fields, not {}", fields.len());
        };
        let days = match (of_month, of_week) {
            ("?", "?") => bail!("one of the two day fields must say something"),
            (of_month, "?") => Days::OfMonth(of_month.split(',').map(parse_of_month).collect::<Result<_>>()?),
            ("?", of_week) => Days::OfWeek(of_week.split(',').map(parse_of_week).collect::<Result<_>>()?),
            _ => bail!("one of the two day fields must be ?"),
        };
        Ok(Self {
            minutes: numbers(minutes, 0, 59, &[]).context("in the minutes")?,
            hours: numbers(hours, 0, 23, &[]).context("in the hours")?,
            days,
            months: numbers(months, 1, 12, &MONTHS).context("in the month")?,
            years: numbers(years, 1970, LAST_YEAR, &[]).context("in the year")?,
        })
    }

    /// Every time from `start` on, in order, by the local clock.
    pub(super) fn times(&self, start: DateTime) -> impl Iterator<Item = DateTime> {
        let days = self.years.range(start.year()..).flat_map(move |year| {
            let months =
                self.months.iter().filter_map(move |month| Some((*year, i8::try_from(*month).ok()?)));
            months.flat_map(|(year, month)| {
                let length = date(year, month, 1).days_in_month();
                (1..=length).map(move |day| date(year, month, day))
            })
        });
        let days = days.filter(move |day| *day >= start.date() && self.days.contain(*day));
        days.flat_map(move |day| {
            self.hours.iter().flat_map(move |hour| {
                // Both were checked to be below 60.
                self.minutes.iter().map(move |minute| day.at(*hour as i8, *minute as i8, 0, 0))
            })
        })
        .filter(move |time| *time >= start)
    }
}

impl Days {
    fn contain(&self, day: Date) -> bool {
        match self {
            Self::OfMonth(entries) => entries.iter().any(|entry| entry.contains(day)),
            Self::OfWeek(entries) => entries.iter().any(|entry| entry.contains(day)),
        }
    }
}

impl OfMonth {
    fn contains(&self, day: Date) -> bool {
        match self {
            Self::Numbers(numbers) => numbers.contains(&i16::from(day.day())),
            Self::Last => day == day.last_of_month(),
            Self::LastWeekday => day == nearest_weekday(day.last_of_month()),
            Self::NearestWeekday(number) => {
                *number <= day.days_in_month()
                    && day == nearest_weekday(date(day.year(), day.month(), *number))
            }
        }
    }
}

impl OfWeek {
    fn contains(&self, day: Date) -> bool {
        let weekday = day.weekday().to_sunday_one_offset();
        match self {
            Self::Numbers(numbers) => numbers.contains(&i16::from(weekday)),
            Self::Last(number) => weekday == *number && day.day() > day.days_in_month() - 7,
            Self::Nth(number, nth) => weekday == *number && (day.day() - 1) / 7 + 1 == *nth,
        }
    }
}

/// Friday for a Saturday, Monday for a Sunday, but never in another month.
fn nearest_weekday(day: Date) -> Date {
    let shift = |days: i8| date(day.year(), day.month(), day.day() + days);
    match day.weekday() {
        Weekday::Saturday if day.day() == 1 => shift(2),
        Weekday::Saturday => shift(-1),
        Weekday::Sunday if day == day.last_of_month() => shift(-2),
        Weekday::Sunday => shift(1),
        _ => day,
    }
}

fn parse_of_month(entry: &str) -> Result<OfMonth> {
    Ok(match entry {
        "L" => OfMonth::Last,
        "LW" => OfMonth::LastWeekday,
        _ => match entry.strip_suffix('W') {
            Some(day) => OfMonth::NearestWeekday(i8::try_from(number(day, 1, 31, &[])?)?),
            None => OfMonth::Numbers(numbers(entry, 1, 31, &[]).context("in the day of the month")?),
        },
    })
}

fn parse_of_week(entry: &str) -> Result<OfWeek> {
    let weekday = |text: &str| Ok::<_, anyhow::Error>(i8::try_from(number(text, 1, 7, &WEEKDAYS)?)?);
    if let Some((day, nth)) = entry.split_once('#') {
        return Ok(OfWeek::Nth(weekday(day)?, i8::try_from(number(nth, 1, 5, &[])?)?));
    }
    Ok(match entry.strip_suffix('L') {
        Some("") => OfWeek::Numbers(BTreeSet::from([7])),
        Some(day) => OfWeek::Last(weekday(day)?),
        None => OfWeek::Numbers(numbers(entry, 1, 7, &WEEKDAYS).context("in the day of the week")?),
    })
}

/// `*`, `5`, `1-5`, `0/15`, `10-30/5`, and lists of these. Names stand for numbers from `low` on.
fn numbers(text: &str, low: i16, high: i16, names: &[&str]) -> Result<BTreeSet<i16>> {
    let mut found = BTreeSet::new();
    for entry in text.split(',') {
        let (range, step) = match entry.split_once('/') {
            Some((range, step)) => (range, Some(number(step, 1, high, &[])?)),
            None => (entry, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (low, high),
            Some((first, last)) => (number(first, low, high, names)?, number(last, low, high, names)?),
            None => {
                let first = number(range, low, high, names)?;
                // `5/15` means every 15 from 5 on.
                (first, if step.is_some() { high } else { first })
            }
        };
        let step = usize::try_from(step.unwrap_or(1))?;
        if first <= last {
            found.extend((first..=last).step_by(step));
        } else {
            // FRI-MON goes over the end.
            found.extend((first..=high).chain(low..=last).step_by(step));
        }
    }
    Ok(found)
}

fn number(text: &str, low: i16, high: i16, names: &[&str]) -> Result<i16> {
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let value = match named {
        Some(position) => low + i16::try_from(position)?,
        None => text.parse().with_context(|| format!("{text} is not a number"))?,
    };
    ensure!((low..=high).contains(&value), "{text} is not between {low} and {high}");
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(text).unwrap();
        cron.times(date(2026, 11, 16).at(10, 7, 0, 0)).take(count).map(|time| time.to_string()).collect()
    }

    #[test]
    fn fields_combine() {
        assert_eq!(
            first("0/20 9-10 ? * MON-TUE *", 3),
            ["2026-11-16T10:20:00", "2026-11-16T10:40:00", "2026-11-17T09:00:00"]
        );
        assert_eq!(first("7 10 * * ? *", 1), ["2026-11-16T10:07:00"], "the start itself counts");
        assert_eq!(first("0 8 1 JAN,jul ? 2027-2028", 3)[2], "2028-01-01T08:00:00");
    }

    #[test]
    fn days_by_their_place_in_the_month() {
        assert_eq!(first("0 0 L * ? *", 2), ["2026-11-30T00:00:00", "2026-12-31T00:00:00"]);
        assert_eq!(first("0 0 ? * 2#1 *", 1), ["2026-12-07T00:00:00"], "the first Monday");
        assert_eq!(first("0 0 ? * FRIL *", 1), ["2026-11-27T00:00:00"], "the last Friday");
        // 1 August 2027 is a Sunday, 1 May 2027 a Saturday.
        assert_eq!(first("0 0 1W 8 ? 2027", 1), ["2027-08-02T00:00:00"]);
        assert_eq!(first("0 0 1W 5 ? 2027", 1), ["2027-05-03T00:00:00"]);
        assert_eq!(first("0 0 LW 1 ? 2027", 1), ["2027-01-29T00:00:00"], "the 31st is a Sunday");
        assert_eq!(first("0 0 ? * FRI-SUN *", 3)[2], "2026-11-22T00:00:00");
    }

    #[test]
    fn what_aws_refuses_is_refused() {
        for wrong in [
            "60 0 * * ? *",
            "0 24 * * ? *",
            "0 0 * * * *",
            "0 0 ? * ? *",
            "0 0 0 * ? *",
            "0 0 * * ?",
            "0 0 ? * 8 *",
        ] {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
    }
}
