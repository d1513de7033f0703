//! Many slots at once, from wall times.

use jiff::{SignedDuration, Timestamp};
use shared::prelude::*;

use super::{Interval, SHORTEST_MINUTES, not_a_teacher};
use crate::hours::expansion::{self, DateHours};
use crate::hours::{self, Hours};

/// What slots are made from.
#[input]
pub struct NewSlots {
    /// Whose time it is.
    pub teacher_id: Uuid,
    /// The zone of the wall times.
    pub timezone: ZoneName,
    /// The first date.
    pub from_date: Day,
    /// The last date, at most 366 days later.
    pub to_date: Day,
    /// On which days of the week: 0 is Monday, 6 is Sunday.
    pub weekdays: List<Int<0, 6>, 7>,
    /// The hours of each date.
    pub hours: List<Hours, 12>,
    /// Cuts the hours into slots of so many minutes, one after the other; what is left at the end is none.
    pub slot_minutes: Option<Int<SHORTEST_MINUTES, 1440>>,
    /// Only says what would be made.
    pub dry_run: Option<Flag>,
}

text_enum! {
    /// Why a slot was not made.
    pub enum SkipReason {
        /// The clocks go forward over all of it.
        ClockChange = "clock_change",
        /// It begins too soon.
        InPast = "in_past",
        /// The teacher has a slot at that time.
        Overlaps = "overlaps",
        /// On the day on which clocks go back it has more than 24 hours.
        TooLong = "too_long",
    }
}

/// A slot that was made.
#[answer]
pub struct MadeSlot {
    /// Its id; null if it only would be made.
    pub id: Option<Uuid>,
    /// When it begins.
    pub start_at: Time,
    /// When it ends.
    pub end_at: Time,
}

/// A slot that was not made.
#[answer]
pub struct SkippedSlot {
    /// The date of its hours.
    pub date: Day,
    /// When it would begin; null if no clock shows it.
    pub start_at: Option<Time>,
    /// When it would end; null if no clock shows it.
    pub end_at: Option<Time>,
    /// Why it was not made.
    pub reason: SkipReason,
}

/// What became of each.
#[answer]
pub struct Batch {
    /// Whether nothing was stored.
    pub dry_run: bool,
    /// What was made, or would be.
    pub made: Vec<MadeSlot>,
    /// What was not, and why.
    pub skipped: Vec<SkippedSlot>,
}

/// So many slots at once at most.
const CANDIDATES: usize = 1000;
/// So many days at most.
const DAYS: i32 = 366;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A slot that may be made.
#[derive(Serialize)]
pub struct Candidate {
    id: Uuid,
    #[serde(skip)]
    date: Day,
    #[serde(flatten)]
    time: Interval,
}

impl NewSlots {
    /// What may be made, and what cannot be whatever is stored. 400 for dates or hours that are none, 422 for too many.
    pub fn candidates(&self, now: Timestamp) -> Result<(Vec<Candidate>, Vec<SkippedSlot>)> {
        hours::check_hours(&self.hours.0)?;
        let (first, last) = (self.from_date.0, self.to_date.0);
        if last < first || (last - first).get_days() > DAYS {
            let sentence = "Input should be a date from from_date on, at most 366 days later";
            return Err(invalid_field("/to_date", "range", sentence));
        }
        let zone = expansion::zone(self.timezone.as_str())?;
        let (mut candidates, mut skipped) = (Vec::new(), Vec::new());
        for date in first.series(jiff::Span::new().days(1)).take_while(|date| *date <= last) {
            let weekday = i64::from(date.weekday().to_monday_zero_offset());
            if !self.weekdays.0.iter().any(|day| day.get() == weekday) {
                continue;
            }
            for hours in &self.hours.0 {
                let of_date = [DateHours { date, hours: vec![*hours] }];
                let found = expansion::occurrences(&zone, &[], &of_date, (date, date))?;
                let skip = |time: Option<Interval>, reason| SkippedSlot {
                    date: Day(date),
                    start_at: time.map(|time| time.start_at),
                    end_at: time.map(|time| time.end_at),
                    reason,
                };
                if found.is_empty() {
                    skipped.push(skip(None, SkipReason::ClockChange));
                }
                for time in found.into_iter().flat_map(|time| self.cut(time)) {
                    if time.length() > DAY {
                        skipped.push(skip(Some(time), SkipReason::TooLong));
                    } else if time.start_at.0 <= now {
                        skipped.push(skip(Some(time), SkipReason::InPast));
                    } else {
                        candidates.push(Candidate { id: Uuid::now_v7(), date: Day(date), time });
                    }
                }
                if candidates.len() + skipped.len() > CANDIDATES {
                    return Err(unprocessable("these are more than 1000 slots"));
                }
            }
        }
        Ok((candidates, skipped))
    }

    fn cut(&self, time: Interval) -> Vec<Interval> {
        let Some(minutes) = &self.slot_minutes else { return vec![time] };
        let length = SignedDuration::from_mins(minutes.get());
        let (mut slots, mut start_at) = (Vec::new(), time.start_at);
        while time.end_at.0.duration_since(start_at.0) >= length {
            let end_at = Time(start_at.0 + length);
            slots.push(Interval { start_at, end_at });
            start_at = end_at;
        }
        slots
    }
}

#[derive(FromRow)]
struct Made {
    id: Uuid,
}

/// Stores what there is room for; the rest overlaps. A dry run does the same, and its transaction is not kept.
pub async fn insert(
    tx: &Tx,
    admin: &User,
    new: &NewSlots,
    (candidates, mut skipped): (Vec<Candidate>, Vec<SkippedSlot>),
) -> Result<Batch> {
    let made: Vec<Made> = tx
        .list(
            "insert into lessons.slots (id, teacher_id, created_by_admin_id, starts_at, ends_at)
             select id, $1, $2, start_at, end_at
             from jsonb_to_recordset($3) as new (id uuid, start_at timestamptz, end_at timestamptz)
             order by start_at
             on conflict do nothing
             returning id",
            &[&new.teacher_id, &admin.id, &serde_json::to_value(&candidates)?],
        )
        .await
        .on_constraint("slots_role", not_a_teacher)?;
    let made: std::collections::HashSet<Uuid> = made.into_iter().map(|made| made.id).collect();
    let dry_run = new.dry_run.is_some_and(Flag::get);
    let (kept, overlapping): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| made.contains(&candidate.id));
    skipped.extend(overlapping.into_iter().map(|candidate| SkippedSlot {
        date: candidate.date,
        start_at: Some(candidate.time.start_at),
        end_at: Some(candidate.time.end_at),
        reason: SkipReason::Overlaps,
    }));
    skipped.sort_by_key(|skipped| (skipped.date, skipped.start_at));
    let made = kept.into_iter().map(|candidate| MadeSlot {
        id: (!dry_run).then_some(candidate.id),
        start_at: candidate.time.start_at,
        end_at: candidate.time.end_at,
    });
    Ok(Batch { dry_run, made: made.collect(), skipped })
}
