//! Which slots a teacher's hours make, and which that they made before have to go. Nothing here asks for the time or for the
//! database, and the same hours make the same slots on every day that asks.

use jiff::SignedDuration;
use shared::prelude::*;

use super::expansion::{union, without};
use crate::slot::{Interval, SHORTEST_MINUTES};

/// A slot has a day at most.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The intervals that slots are made of: windows that touch make one, so that a lesson can lie across. Where that would be
/// more than a day, each occurrence of a window is its own.
pub fn wanted(occurrences: &[Interval], time_off: &[Interval]) -> Vec<Interval> {
    let off = union(time_off);
    let pieces: Vec<Interval> =
        occurrences.iter().flat_map(|occurrence| without(*occurrence, &off)).collect();
    let mut found = Vec::new();
    for chain in union(&pieces) {
        if chain.length() <= DAY {
            found.push(chain);
            continue;
        }
        let mut start_at = chain.start_at;
        let first = pieces.partition_point(|piece| piece.start_at <= start_at);
        let inside = pieces[first..].iter().map(|piece| piece.start_at);
        for end_at in inside.take_while(|start| *start < chain.end_at).chain([chain.end_at]) {
            // The day on which clocks go back has an hour more.
            while end_at.0.duration_since(start_at.0) > DAY {
                let day = Interval { start_at, end_at: Time(start_at.0 + DAY) };
                start_at = day.end_at;
                found.push(day);
            }
            if start_at < end_at {
                found.push(Interval { start_at, end_at });
                start_at = end_at;
            }
        }
    }
    found
}

/// A slot of the teacher that is not over, or one of the hours that somebody took off.
pub struct Existing {
    /// Its id.
    pub id: Uuid,
    /// Its time.
    pub time: Interval,
    /// Whether the hours leave it alone: published by hand, kept back, or taken off by hand.
    pub is_fixed: bool,
}

/// What there is to do so that the slots are those of the hours.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is not there yet.
    pub make: Vec<Interval>,
    /// What nobody has booked and the hours have no more.
    pub withdraw: Vec<Uuid>,
    /// What somebody has booked and lies partly outside: cut to what is left around the first lesson.
    pub cut: Vec<(Uuid, Interval)>,
}

/// What there is to do. A slot with a lesson stays, and so does what hands have made; beside them, the slots are as wanted.
pub fn plan(wanted: &[Interval], existing: &[Existing], lessons: &[Interval]) -> Plan {
    let hours = union(wanted);
    let (mut plan, mut kept, mut loose) = (Plan::default(), Vec::new(), Vec::new());
    for slot in existing {
        let booked = lessons.iter().filter_map(|lesson| lesson.shared_with(slot.time)).min();
        let outside = without(slot.time, &hours);
        match booked {
            _ if slot.is_fixed => kept.push(slot.time),
            None => loose.push(slot),
            Some(_) if outside.is_empty() => kept.push(slot.time),
            Some(lesson) => {
                let left = without(slot.time, &union(&without_lesson(&outside, lesson)));
                let around =
                    left.into_iter().find(|part| part.shared_with(lesson).is_some()).unwrap_or(lesson);
                if around != slot.time {
                    plan.cut.push((slot.id, around));
                }
                kept.push(around);
            }
        }
    }
    let kept = union(&kept);
    let shortest = SignedDuration::from_mins(SHORTEST_MINUTES);
    for part in wanted.iter().flat_map(|interval| without(*interval, &kept)) {
        if part.length() < shortest {
            continue;
        }
        match loose.iter().position(|slot| slot.time == part) {
            Some(found) => {
                loose.swap_remove(found);
            }
            None => plan.make.push(part),
        }
    }
    plan.withdraw = loose.iter().map(|slot| slot.id).collect();
    plan
}

fn without_lesson(outside: &[Interval], lesson: Interval) -> Vec<Interval> {
    outside.iter().flat_map(|part| without(*part, &[lesson])).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// From one hour to another, counted from some midnight.
    fn at(start: i64, end: i64) -> Interval {
        minutes(start * 60, end * 60)
    }

    fn minutes(start: i64, end: i64) -> Interval {
        let time = |minutes: i64| Time(Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap());
        Interval { start_at: time(start), end_at: time(end) }
    }

    fn slot(number: u128, time: Interval, is_fixed: bool) -> Existing {
        Existing { id: Uuid::from_u128(number), time, is_fixed }
    }

    /// The plan carried out: the slots that it leaves.
    fn carried_out(plan: &Plan, existing: Vec<Existing>) -> Vec<Existing> {
        let mut slots: Vec<Existing> =
            existing.into_iter().filter(|slot| !plan.withdraw.contains(&slot.id)).collect();
        for (id, time) in &plan.cut {
            slots.iter_mut().find(|slot| slot.id == *id).unwrap().time = *time;
        }
        slots.extend(plan.make.iter().map(|time| slot(Uuid::new_v4().as_u128(), *time, false)));
        slots
    }

    #[test]
    fn windows_that_touch_make_one_slot_of_a_day_at_most() {
        assert_eq!(wanted(&[at(9, 12), at(12, 15), at(16, 17)], &[]), [at(9, 15), at(16, 17)]);
        assert_eq!(wanted(&[at(9, 12), at(12, 15)], &[at(10, 11), at(14, 20)]), [at(9, 10), at(11, 14)]);
        // Round the clock: each window its own, the same ones from whichever day on.
        let round = [at(0, 10), at(10, 24), at(24, 34), at(34, 48), at(48, 58), at(58, 72)];
        assert_eq!(wanted(&round, &[]), round);
        assert_eq!(wanted(&round[2..], &[]), round[2..]);
        assert_eq!(wanted(&[at(0, 25), at(25, 49)], &[]), [at(0, 24), at(24, 25), at(25, 49)]);
        assert_eq!(wanted(&[at(0, 24)], &[]), [at(0, 24)]);
    }

    #[test]
    fn what_is_booked_stays_and_what_is_outside_is_offered_no_more() {
        let slots =
            || vec![slot(1, at(9, 17), false), slot(2, at(33, 41), false), slot(3, at(57, 65), false)];
        let lessons = [at(10, 11), minutes(58 * 60 + 30, 59 * 60 + 30), at(63, 64)];
        let same = plan(&[at(9, 17), at(33, 41), at(57, 65)], &slots(), &lessons);
        assert_eq!(same, Plan::default(), "the same hours change nothing");
        // Until noon only.
        let changed = plan(&[at(9, 12), at(33, 36), at(57, 59)], &slots(), &lessons);
        assert_eq!(
            changed,
            Plan {
                make: vec![at(33, 36)],
                withdraw: vec![Uuid::from_u128(2)],
                cut: vec![
                    (Uuid::from_u128(1), at(9, 12)),
                    // A lesson that lies half outside keeps its half; the later one keeps no time for others.
                    (Uuid::from_u128(3), minutes(57 * 60, 59 * 60 + 30)),
                ],
            }
        );
        // Closed: what is left is the lesson.
        let closed = plan(&[], &slots(), &lessons);
        assert_eq!(closed.cut, [(Uuid::from_u128(1), at(10, 11)), (Uuid::from_u128(3), lessons[1])]);
        assert_eq!((closed.make.len(), closed.withdraw), (0, vec![Uuid::from_u128(2)]));
    }

    #[test]
    fn hands_have_the_first_word() {
        let existing = [slot(1, at(10, 11), true), slot(2, at(9, 10), false), slot(3, at(20, 21), true)];
        let found = plan(&[minutes(9 * 60, 17 * 60), at(20, 21)], &existing, &[]);
        assert_eq!(found, Plan { make: vec![at(11, 17)], ..Plan::default() });
        // Ten minutes are no lesson.
        let existing = [slot(1, minutes(550, 600), true)];
        assert_eq!(plan(&[at(9, 10)], &existing, &[]), Plan::default());
    }

    #[test]
    fn a_repeat_changes_nothing_and_nothing_overlaps() {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut below = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            i64::try_from(state % bound).unwrap()
        };
        let mut some = |count: u64, longest: u64| -> Vec<Interval> {
            (0..below(count))
                .map(|_| {
                    let start = below(6 * 96) * 15;
                    minutes(start, start + 15 + below(longest) * 15)
                })
                .collect()
        };
        for round in 0..500 {
            let mut slots = Vec::new();
            for _ in 0..4 {
                let hours = wanted(&sorted(some(12, 60)), &some(3, 100));
                let lessons = union(&some(6, 6));
                for time in some(3, 10) {
                    // By hand, where there is room.
                    if slots.iter().all(|slot: &Existing| slot.time.shared_with(time).is_none()) {
                        slots.push(slot(Uuid::new_v4().as_u128(), time, true));
                    }
                }
                let found = plan(&hours, &slots, &lessons);
                slots = carried_out(&found, slots);
                assert_eq!(plan(&hours, &slots, &lessons), Plan::default(), "round {round}");
                let mut times: Vec<Interval> = slots.iter().map(|slot| slot.time).collect();
                times.sort_unstable();
                assert!(
                    times.windows(2).all(|two| two[0].end_at <= two[1].start_at),
                    "round {round}: {times:?}"
                );
                assert!(times.iter().all(|time| time.length() <= DAY));
                // Nothing outside the hours can be booked, beside what hands have made.
                let (hours, lessons) = (union(&hours), union(&lessons));
                for slot in slots.iter().filter(|slot| !slot.is_fixed) {
                    for part in without(slot.time, &hours) {
                        assert!(without(part, &lessons).is_empty(), "round {round}: {part:?}");
                    }
                }
            }
        }
    }

    fn sorted(mut intervals: Vec<Interval>) -> Vec<Interval> {
        intervals.sort_unstable();
        intervals
    }
}
