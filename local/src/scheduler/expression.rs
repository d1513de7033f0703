//! Schedule expressions: `cron(…)`, `rate(…)` and `at(…)`
//! (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>).

use anyhow::{Context, Result, bail, ensure};
use jiff::{
    SignedDuration, Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::{cron::Cron, time_zone};

/// When something is due.
#[derive(Clone, Debug)]
pub struct Schedule {
    kind: Kind,
    zone: TimeZone,
}

#[derive(Clone, Debug)]
enum Kind {
    Cron(Cron),
    Rate(SignedDuration),
    At(DateTime),
}

impl Schedule {
    /// Reads an expression; `timezone` is an IANA name.
    ///
    /// # Errors
    /// What AWS would refuse, with the part at fault.
    pub fn parse(expression: &str, timezone: &str) -> Result<Self> {
        let zone = time_zone(timezone)?;
        let (kind, rest) =
            expression.split_once('(').context("an expression is cron(…), rate(…) or at(…)")?;
        let inner =
            rest.strip_suffix(')').with_context(|| format!("{expression} lacks its closing parenthesis"))?;
        let kind = match kind {
            "cron" => Kind::Cron(Cron::parse(inner).with_context(|| expression.to_owned())?),
            "rate" => Kind::Rate(rate(inner).with_context(|| expression.to_owned())?),
            "at" => Kind::At(
                inner.parse().with_context(|| format!("{expression} is not at(yyyy-mm-ddThh:mm:ss)"))?,
            ),
            _ => bail!("{expression} is neither cron(…) nor rate(…) nor at(…)"),
        };
        Ok(Self { kind, zone })
    }

    /// The first time after `from`; `None` when there is none. A rate counts from `from`.
    pub fn next(&self, from: Timestamp) -> Option<Timestamp> {
        match &self.kind {
            Kind::Rate(interval) => from.checked_add(*interval).ok(),
            Kind::At(time) => self.instant(*time).filter(|time| *time > from),
            Kind::Cron(cron) => {
                // The local clock may go back by an hour after `from`, so the search begins a little before it.
                let local = from.to_zoned(self.zone.clone()).datetime();
                let start = local.checked_sub(SignedDuration::from_hours(2)).ok()?;
                cron.times(start).filter_map(|time| self.instant(time)).find(|time| *time > from)
            }
        }
    }

    /// The instant of a local time: none if the clocks skip it, the first if they show it twice. That is how
    /// Scheduler treats the two changes of the clocks.
    fn instant(&self, time: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(time).ok()
            }
            AmbiguousOffset::Gap { .. } => None,
        }
    }
}

fn rate(text: &str) -> Result<SignedDuration> {
    let (value, unit) = text.trim().split_once(' ').context("a rate is a number and a unit")?;
    let value: i64 = value.parse().context("a rate's number is whole")?;
    ensure!(value > 0, "a rate's number is positive");
    let hours = match unit.trim() {
        "minute" | "minutes" => return Ok(SignedDuration::from_mins(value)),
        "hour" | "hours" => value,
        "day" | "days" => value.checked_mul(24).context("the rate is too large")?,
        other => bail!("{other} is neither minutes nor hours nor days"),
    };
    ensure!(hours <= 24 * 366, "the rate is too large");
    Ok(SignedDuration::from_hours(hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(expression: &str, zone: &str, from: &str) -> Option<String> {
        let schedule = Schedule::parse(expression, zone).unwrap();
        schedule.next(from.parse().unwrap()).map(|time| time.to_string())
    }

    fn several(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::parse(expression, zone).unwrap();
        let mut from: Timestamp = from.parse().unwrap();
        let mut step = || {
            from = schedule.next(from)?;
            Some(from.to_string())
        };
        (0..count).filter_map(|_| step()).collect()
    }

    #[test]
    fn rates_count_from_now() {
        assert_eq!(next("rate(5 minutes)", "UTC", "2026-11-16T10:00:00Z").unwrap(), "2026-11-16T10:05:00Z");
        assert_eq!(next("rate(1 day)", "UTC", "2026-11-16T10:00:00Z").unwrap(), "2026-11-17T10:00:00Z");
        for wrong in ["rate(0 minutes)", "rate(5 weeks)", "rate(5)", "cron(* *)", "hourly", "at(tomorrow)"] {
            assert!(Schedule::parse(wrong, "UTC").is_err(), "{wrong}");
        }
        assert!(Schedule::parse("rate(1 hour)", "Mars/Olympus").is_err());
    }

    #[test]
    fn mondays_in_a_time_zone() {
        let times = several("cron(15 12 ? * MON *)", "Europe/Berlin", "2026-10-19T10:15:00Z", 2);
        assert_eq!(times, ["2026-10-26T11:15:00Z", "2026-11-02T11:15:00Z"], "summer time ends on 25 October");
        assert_eq!(
            next("cron(15 12 ? * MON *)", "UTC", "2026-11-16T12:14:59Z").unwrap(),
            "2026-11-16T12:15:00Z"
        );
        assert_eq!(
            next("cron(15 12 ? * MON *)", "UTC", "2026-11-16T12:15:00Z").unwrap(),
            "2026-11-23T12:15:00Z"
        );
    }

    #[test]
    fn a_skipped_time_does_not_happen_and_a_doubled_one_happens_once() {
        // Berlin: 02:30 does not exist on 29 March 2026 and comes twice on 25 October 2026.
        let spring = several("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T00:00:00Z", 2);
        assert_eq!(spring, ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"]);
        let autumn = several("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    }

    #[test]
    fn an_exact_time_is_due_once() {
        let at = "at(2026-11-20T13:00:00)";
        assert_eq!(next(at, "America/New_York", "2026-11-16T00:00:00Z").unwrap(), "2026-11-20T18:00:00Z");
        assert_eq!(next(at, "UTC", "2026-11-20T13:00:00Z"), None);
    }

    #[test]
    fn a_year_that_is_over_is_never_due() {
        assert_eq!(next("cron(0 0 1 1 ? 2020)", "UTC", "2026-01-01T00:00:00Z"), None);
        assert_eq!(
            next("cron(0 0 29 2 ? *)", "UTC", "2026-01-01T00:00:00Z").unwrap(),
            "2028-02-29T00:00:00Z"
        );
    }
}
