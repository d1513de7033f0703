//! Lessons that are booked in one go: every so many weeks, at one wall time. All of them or none, or those that can be had.

use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp};
use serde_json::json;
use shared::error::Error;
use shared::identity;
use shared::prelude::*;

use crate::booking::{self, Booking};
use crate::event::{self, Event};
use crate::hours::expansion;
use crate::package::{self, Package};
use crate::slot::Interval;
use crate::slot::offer::{self, Obstacle, Offer, Wanted};

/// What a series is made of.
#[input]
pub struct NewSeries {
    /// The slot of the first lesson.
    pub slot_id: Uuid,
    /// The package that the lessons are taken from.
    pub package_id: Uuid,
    /// When the first lesson begins, if not with the slot.
    pub start_at: Option<Time>,
    /// When the first lesson ends, if not with the slot.
    pub end_at: Option<Time>,
    /// How many lessons.
    pub count: Int<2, 26>,
    /// From each to the next.
    #[default]
    pub every_weeks: Int<1, 4, 1>,
    /// In which zone the wall time stays the same when clocks change; the student's own, if nothing is said.
    pub timezone: Option<ZoneName>,
    /// Leaves out what cannot be had, instead of booking nothing.
    pub skip: Option<Flag>,
    /// Only says what would be booked.
    pub dry_run: Option<Flag>,
}

/// One lesson of a series.
#[answer]
pub struct Occurrence {
    /// Its date in the series' zone.
    pub date: Day,
    /// When it begins; null if no clock shows it.
    pub start_at: Option<Time>,
    /// When it ends; null if no clock shows it.
    pub end_at: Option<Time>,
    /// Whether clocks have changed since the first one: the wall time is the same, and elsewhere it may be another.
    pub clocks_changed: bool,
    /// Why it was left out, or would be.
    pub obstacle: Option<Obstacle>,
    /// What was booked.
    pub booking: Option<Booking>,
}

/// A series.
#[answer]
pub struct Series {
    /// Its id, which its bookings have; null if nothing was booked.
    pub series_id: Option<Uuid>,
    /// The zone whose wall time stays.
    pub timezone: String,
    /// Its lessons, in their order.
    pub occurrences: Vec<Occurrence>,
}

/// What a series is booked with: its times with what keeps each from being booked.
pub struct Plan {
    zone: String,
    teacher_id: Uuid,
    occurrences: Vec<(Occurrence, Option<Offer>)>,
}

/// A booking that is about to be stored.
#[derive(Serialize)]
struct NewBooking {
    id: Uuid,
    slot_id: Uuid,
    start_at: Time,
    end_at: Time,
    blocked_until: Time,
    free_cancel_until: Time,
}

/// Looks at every time of a series, under the lock of its package. 404 for a slot or package that the student does not have,
/// 422 for a part of the slot that is none.
pub async fn plan(tx: &Tx, student: &User, new: &NewSeries) -> Result<Plan> {
    let part = (new.start_at, new.end_at);
    let (first, preferences) = tokio::try_join!(
        biased;
        offer::find_offer(tx, new.slot_id, part, student.id, None),
        identity::preferences(tx, student),
    )?;
    let first = first.ok_or_else(|| not_found("Slot not found"))?;
    let teacher_id = first.teacher_id;
    if teacher_id == student.id {
        return Err(unprocessable("Nobody takes lessons with themselves"));
    }
    let zone = new.timezone.as_ref().map_or(preferences.timezone, |zone| zone.as_str().to_owned());
    let occurrences = new.occurrences(&expansion::zone(&zone)?, first.part(part)?)?;
    let wanted: Vec<Wanted> = wanted(&occurrences).collect();
    let ends = wanted.last().map_or(first.ends_at, |last| last.time.end_at);
    let (_, offers, package) = tokio::try_join!(
        biased;
        make_way(tx, new.slot_id, ends, new.package_id),
        offer::list_offers(tx, teacher_id, &wanted, student.id),
        package::find_own(tx, student, new.package_id),
    )?;
    let package = package.ok_or_else(|| not_found("Package not found"))?;
    let offers = align(offers, occurrences.len());
    let mut plan = Plan { zone, teacher_id, occurrences: Vec::with_capacity(occurrences.len()) };
    let now = Timestamp::now();
    let mut left = package.free(now)?;
    for (mut occurrence, offer) in occurrences.into_iter().zip(offers) {
        occurrence.obstacle = obstacle(&occurrence, offer.as_ref(), &package, left, now)?;
        left -= i32::from(occurrence.obstacle.is_none());
        plan.occurrences.push((occurrence, offer));
    }
    Ok(plan)
}

fn wanted(occurrences: &[Occurrence]) -> impl Iterator<Item = Wanted> {
    occurrences.iter().zip(0..).filter_map(|(occurrence, place)| {
        let time = Interval { start_at: occurrence.start_at?, end_at: occurrence.end_at? };
        Some(Wanted { place, time })
    })
}

fn align(offers: Vec<offer::PlacedOffer>, count: usize) -> Vec<Option<Offer>> {
    let mut aligned: Vec<Option<Offer>> = std::iter::repeat_with(|| None).take(count).collect();
    for found in offers {
        if let Some(place) = usize::try_from(found.place).ok().and_then(|place| aligned.get_mut(place)) {
            *place = Some(found.offer);
        }
    }
    aligned
}

fn obstacle(
    occurrence: &Occurrence,
    offer: Option<&Offer>,
    package: &Package,
    left: i32,
    now: Timestamp,
) -> Result<Option<Obstacle>> {
    let Some(start) = occurrence.start_at else { return Ok(Some(Obstacle::NoSuchTime)) };
    let Some(offer) = offer else {
        return Ok(Some(if start.0 <= now { Obstacle::Past } else { Obstacle::NotOffered }));
    };
    let of_package = if package.expires_at <= start {
        Some(Obstacle::AfterPackage)
    } else if left < 1 {
        Some(Obstacle::NoLesson)
    } else {
        None
    };
    Ok(offer.obstacle(start, now)?.or(of_package))
}

async fn make_way(tx: &Tx, slot: Uuid, ends: Time, package: Uuid) -> Result<u64> {
    tx.execute("select lessons.make_way_until($1, $2, $3)", &[&slot, &ends, &package]).await
}

impl NewSeries {
    /// The times of the series, from the first one's. A wall time that comes twice is the earlier one, as long as the first is
    /// not the later.
    fn occurrences(&self, zone: &TimeZone, first: Interval) -> Result<Vec<Occurrence>> {
        let begins = zone.to_offset(first.start_at.0);
        let wall = begins.to_datetime(first.start_at.0);
        (0..self.count.get())
            .map(|index| {
                let there = wall.checked_add(Span::new().weeks(index * self.every_weeks.get()))?;
                let start = match zone.to_ambiguous_timestamp(there).offset() {
                    AmbiguousOffset::Unambiguous { offset } => Some(offset),
                    AmbiguousOffset::Gap { .. } => None,
                    AmbiguousOffset::Fold { before, after } => {
                        Some(if after == begins { after } else { before })
                    }
                };
                let start_at = start.map(|offset| offset.to_timestamp(there)).transpose()?.map(Time);
                let end_at = start_at.map(|start| start.0.checked_add(first.length())).transpose()?.map(Time);
                Ok(Occurrence {
                    date: Day(there.date()),
                    start_at,
                    end_at,
                    clocks_changed: start.is_some_and(|offset| offset != begins),
                    obstacle: None,
                    booking: None,
                })
            })
            .collect()
    }
}

impl Plan {
    /// What would be booked.
    pub fn preview(self) -> Series {
        let occurrences = self.occurrences.into_iter().map(|(occurrence, _)| occurrence).collect();
        Series { series_id: None, timezone: self.zone, occurrences }
    }

    /// Books the lessons, in the transaction that planned them. Without `skip` 409 if one cannot be had, with it if none can.
    pub async fn book(self, tx: &Tx, student: &User, new: &NewSeries) -> Result<Series> {
        let skips = new.skip.is_some_and(Flag::get);
        let mut places = Vec::new();
        for (number, (occurrence, offer)) in (1..).zip(&self.occurrences) {
            match (occurrence.obstacle, offer, occurrence.start_at, occurrence.end_at) {
                (None, Some(offer), Some(start_at), Some(end_at)) => places.push(NewBooking {
                    id: Uuid::now_v7(),
                    slot_id: offer.id,
                    start_at,
                    end_at,
                    blocked_until: offer.blocked_until(end_at)?,
                    free_cancel_until: booking::free_cancel_until(start_at)?,
                }),
                _ if skips => {}
                (obstacle, ..) => {
                    return Err(refused(number, occurrence, obstacle.unwrap_or(Obstacle::NotOffered)));
                }
            }
        }
        if places.is_empty() {
            return Err(none_to_be_had());
        }
        let id = Uuid::now_v7();
        let told = Event::of_booking("booking.series.confirmed", id, Some(student.id), Some(self.teacher_id))
            .with(json!({ "series_id": id, "booking_id": null }));
        let (stored, entered, created, told, bookings) = tokio::join!(
            biased;
            insert_bookings(tx, id, (student.id, self.teacher_id, new.package_id), &places),
            enter_lines(tx, id, new.package_id),
            record_lessons(tx, id),
            event::record(tx, &told),
            list_bookings(tx, id),
        );
        // Somebody was faster with one of them.
        match stored? {
            0 if skips => return Err(none_to_be_had()),
            stored if !skips && stored < places.len() as u64 => return Err(offer::taken()),
            _ => {}
        }
        entered?;
        created?;
        told?;
        let mut bookings = bookings?;
        let occurrences = self.occurrences.into_iter().map(|(mut occurrence, _)| {
            if occurrence.obstacle.is_none() {
                let found = bookings.iter().position(|booking| Some(booking.start_at) == occurrence.start_at);
                occurrence.booking = found.map(|index| bookings.swap_remove(index));
                occurrence.obstacle = occurrence.booking.is_none().then_some(Obstacle::Taken);
            }
            occurrence
        });
        Ok(Series { series_id: Some(id), occurrences: occurrences.collect(), timezone: self.zone })
    }
}

fn refused(number: usize, occurrence: &Occurrence, obstacle: Obstacle) -> Error {
    let date = occurrence.date.0;
    conflict(format!("Lesson {number}, on {date}: {}", obstacle.refusal().message()))
}

fn none_to_be_had() -> Error {
    conflict("None of the times can be booked")
}

/// In the order of their times, so that two series never wait for each other in a circle.
async fn insert_bookings(
    tx: &Tx,
    series: Uuid,
    (student, teacher, package): (Uuid, Uuid, Uuid),
    places: &[NewBooking],
) -> Result<u64> {
    tx.execute(
        "insert into lessons.bookings (id, slot_id, student_id, teacher_id, package_id, state, starts_at, ends_at,
                                       blocked_until, confirmed_at, free_cancel_until, calendar_uid, lesson_id,
                                       lesson_state, lesson_created_at, lesson_updated_at, series_id)
         select id, slot_id, $2, $3, $4, 'confirmed', start_at, end_at, blocked_until, now(), free_cancel_until,
                gen_random_uuid(), gen_random_uuid(), 'scheduled', now(), now(), $1
         from jsonb_to_recordset($5) as new (id uuid, slot_id uuid, start_at timestamptz, end_at timestamptz,
                                             blocked_until timestamptz, free_cancel_until timestamptz)
         order by start_at
         on conflict do nothing",
        &[&series, &student, &teacher, &package, &serde_json::to_value(places)?],
    )
    .await
    .on_constraint("bookings_offered", offer::taken)
}

async fn enter_lines(tx: &Tx, series: Uuid, package: Uuid) -> Result<u64> {
    tx.execute(
        "insert into lessons.package_entries (id, package_id, kind, booking_id)
         select gen_random_uuid(), $2, kind, bookings.id
         from lessons.bookings cross join (values (1, 'hold'), (2, 'book')) as line (place, kind)
         where series_id = $1
         order by starts_at, place",
        &[&series, &package],
    )
    .await
    .on_constraint("packages_usable", package::unusable)
}

async fn record_lessons(tx: &Tx, series: Uuid) -> Result<u64> {
    tx.execute(
        "insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, teacher_id, payload)
         select gen_random_uuid(), 'lesson.created', 'lesson', lesson_id, student_id, teacher_id,
                jsonb_build_object('lesson_id', lesson_id, 'booking_id', id, 'series_id', series_id)
         from lessons.bookings where series_id = $1",
        &[&series],
    )
    .await
}

async fn list_bookings(tx: &Tx, series: Uuid) -> Result<Vec<Booking>> {
    tx.list("select * from lessons.booking_view where series_id = $1 order by start_at", &[&series]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(zone: &str, first: &str, weeks: i64, count: i64) -> Vec<(String, bool)> {
        let series = serde_json::json!({
            "slot_id": Uuid::nil(), "package_id": Uuid::nil(), "count": count, "every_weeks": weeks
        });
        let new: NewSeries = shared::input::read(series).unwrap();
        let start_at = Time(first.parse().unwrap());
        let end_at = Time(start_at.0 + jiff::SignedDuration::from_mins(60));
        let found = new.occurrences(&TimeZone::get(zone).unwrap(), Interval { start_at, end_at }).unwrap();
        found
            .iter()
            .map(|one| {
                let start = one.start_at.map_or("none".to_owned(), |start| start.0.to_string());
                (start, one.clocks_changed)
            })
            .collect()
    }

    fn starts(found: &[(String, bool)]) -> Vec<&str> {
        found.iter().map(|(start, _)| start.as_str()).collect()
    }

    #[test]
    fn the_wall_time_stays_when_the_clocks_change() {
        let found = times("Europe/Berlin", "2027-03-22T09:00:00Z", 1, 3);
        assert_eq!(starts(&found), ["2027-03-22T09:00:00Z", "2027-03-29T08:00:00Z", "2027-04-05T08:00:00Z"]);
        assert_eq!(found.iter().map(|(_, changed)| *changed).collect::<Vec<_>>(), [false, true, true]);
        let found = times("UTC", "2027-03-22T09:00:00Z", 2, 2);
        assert_eq!(starts(&found), ["2027-03-22T09:00:00Z", "2027-04-05T09:00:00Z"]);
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_none_and_one_that_comes_twice_is_one() {
        assert_eq!(
            starts(&times("Europe/Berlin", "2027-03-21T01:30:00Z", 1, 3)),
            ["2027-03-21T01:30:00Z", "none", "2027-04-04T00:30:00Z"]
        );
        assert_eq!(
            starts(&times("Europe/Berlin", "2027-10-24T00:30:00Z", 1, 3)),
            ["2027-10-24T00:30:00Z", "2027-10-31T00:30:00Z", "2027-11-07T01:30:00Z"]
        );
        // Begun in the second of the two passes.
        assert_eq!(
            starts(&times("Europe/Berlin", "2027-10-31T01:30:00Z", 1, 2)),
            ["2027-10-31T01:30:00Z", "2027-11-07T01:30:00Z"]
        );
    }
}
