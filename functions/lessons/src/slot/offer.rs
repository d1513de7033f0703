//! Whether a time can be booked, and why not.

use jiff::{SignedDuration, Timestamp};
use shared::error::Error;
use shared::prelude::*;

use super::{Interval, SHORTEST_MINUTES};

/// A slot with what a booking of it needs to know.
#[derive(FromRow)]
pub struct Offer {
    /// The slot.
    pub id: Uuid,
    /// Whose time it is.
    pub teacher_id: Uuid,
    /// When it begins.
    pub starts_at: Time,
    /// When it ends.
    pub ends_at: Time,
    /// Whether it is kept back or withdrawn.
    pub is_closed: bool,
    /// Stays free after the lesson.
    pub break_minutes: i16,
    /// How early it is booked.
    pub notice_minutes: i32,
    /// Whether nobody has anything of the wanted interval.
    pub is_free: bool,
    /// Whether the student has another lesson at that time.
    pub student_is_busy: bool,
}

/// The slot, looked at for an interval in it (all of it where nothing is said) and a student; none if there is none. `moving`
/// is a booking whose own time does not count.
pub async fn find_offer(
    tx: &Tx,
    slot_id: Uuid,
    part: (Option<Time>, Option<Time>),
    student_id: Uuid,
    moving: Option<Uuid>,
) -> Result<Option<Offer>> {
    tx.find(
        "select slots.id, teacher_id, slots.starts_at, slots.ends_at,
                blocked_at is not null or withdrawn_at is not null as is_closed, break_minutes, notice_minutes,
                wanted <@ lessons.free_parts(teacher_id, slots.starts_at, slots.ends_at, $5) as is_free,
                exists (select from lessons.bookings as other
                        where other.student_id = $4 and other.id is distinct from $5
                          and (other.state = 'confirmed' or other.state = 'hold' and other.hold_expires_at > now())
                          and tstzrange(other.starts_at, other.ends_at) && wanted) as student_is_busy
         from lessons.slots
         cross join lateral lessons.rules_of(teacher_id) as rules
         cross join lateral (
             -- An end before its start is refused where the part is checked.
             select tstzrange(least(coalesce($2, slots.starts_at), coalesce($3, slots.ends_at)),
                              coalesce($3, slots.ends_at)) as wanted
         ) as part
         where slots.id = $1",
        &[&slot_id, &part.0, &part.1, &student_id, &moving],
    )
    .await
}

text_enum! {
    /// Why a time cannot be booked.
    pub enum Obstacle {
        /// The clocks skip it.
        NoSuchTime = "no_such_time",
        /// The teacher does not offer it.
        NotOffered = "not_offered",
        /// It lies behind.
        Past = "past",
        /// Somebody has it.
        Taken = "taken",
        /// The student has another lesson then.
        Busy = "busy",
        /// The teacher wants to know earlier.
        TooSoon = "too_soon",
        /// The package ends before.
        AfterPackage = "after_package",
        /// The package has no lesson left for it.
        NoLesson = "no_lesson",
    }
}

impl Obstacle {
    /// What a caller is told: 409 for what others did, 422 for what cannot be.
    pub fn refusal(self) -> Error {
        match self {
            Obstacle::NoSuchTime => unprocessable("The clocks skip this time"),
            Obstacle::NotOffered => unprocessable("The teacher does not offer this time"),
            Obstacle::Past => unprocessable("Cannot book a slot in the past"),
            Obstacle::Taken => taken(),
            Obstacle::Busy => conflict("You have another lesson at this time"),
            Obstacle::TooSoon => unprocessable("The teacher wants to know earlier"),
            Obstacle::AfterPackage => unprocessable("The lesson begins after the package has ended"),
            Obstacle::NoLesson => unprocessable("No lessons left in package"),
        }
    }
}

/// A time that is wanted beside others.
#[derive(Serialize)]
pub struct Wanted {
    /// Which one of them.
    pub place: i32,
    /// The time.
    #[serde(flatten)]
    pub time: Interval,
}

/// What a teacher offers at a wanted time.
#[derive(FromRow)]
pub struct PlacedOffer {
    /// Which one of the wanted times.
    pub place: i32,
    /// What is offered.
    #[flatten]
    pub offer: Offer,
}

/// What a teacher offers at wanted times, each looked at for the student; those that no slot has are missing.
pub async fn list_offers(
    tx: &Tx,
    teacher_id: Uuid,
    wanted: &[Wanted],
    student_id: Uuid,
) -> Result<Vec<PlacedOffer>> {
    tx.list(
        "select place, slots.id, teacher_id, slots.starts_at, slots.ends_at, false as is_closed, break_minutes, notice_minutes,
                during <@ lessons.free_parts(teacher_id, slots.starts_at, slots.ends_at) as is_free,
                exists (select from lessons.bookings as other
                        where other.student_id = $3
                          and (other.state = 'confirmed' or other.state = 'hold' and other.hold_expires_at > now())
                          and tstzrange(other.starts_at, other.ends_at) && during) as student_is_busy
         from jsonb_to_recordset($2) as wanted (place integer, start_at timestamptz, end_at timestamptz)
         cross join lateral (select tstzrange(start_at, end_at) as during) as part
         join lessons.slots
             on teacher_id = $1 and withdrawn_at is null and blocked_at is null and starts_at <= start_at and end_at <= ends_at
             -- A slot has a day at most.
             and starts_at > start_at - interval '24 hours'
         cross join lateral lessons.rules_of(teacher_id) as rules
         order by place",
        &[&teacher_id, &serde_json::to_value(wanted)?, &student_id],
    )
    .await
}

impl Offer {
    /// The interval of a lesson in the slot: all of it, or the wanted part. 422 for a part that is none, 409 for one that
    /// somebody has, 422 for one that begins too soon.
    pub fn interval(&self, part: (Option<Time>, Option<Time>), now: Timestamp) -> Result<(Time, Time)> {
        let Interval { start_at, end_at } = self.part(part)?;
        match self.obstacle(start_at, now)? {
            None => Ok((start_at, end_at)),
            Some(Obstacle::TooSoon) => {
                let notice = self.notice_minutes;
                Err(unprocessable(format!("The teacher wants to know {notice} minutes ahead")))
            }
            Some(obstacle) => Err(obstacle.refusal()),
        }
    }

    /// All of the slot, or the wanted part of it. 422 for one that is none.
    pub fn part(&self, part: (Option<Time>, Option<Time>)) -> Result<Interval> {
        let (start_at, end_at) = (part.0.unwrap_or(self.starts_at), part.1.unwrap_or(self.ends_at));
        if start_at < self.starts_at || end_at > self.ends_at {
            return Err(unprocessable("start_at and end_at must lie in the slot"));
        }
        let seconds = end_at.0.as_second() - start_at.0.as_second();
        if part != (None, None) && seconds < SHORTEST_MINUTES * 60 {
            return Err(unprocessable("a lesson has 15 minutes at least"));
        }
        Ok(Interval { start_at, end_at })
    }

    /// What keeps a lesson that begins at `start` from being booked, if anything does.
    pub fn obstacle(&self, start: Time, now: Timestamp) -> Result<Option<Obstacle>> {
        let notice = SignedDuration::from_mins(self.notice_minutes.into());
        Ok(if start.0 <= now {
            Some(Obstacle::Past)
        } else if self.is_closed || !self.is_free {
            Some(Obstacle::Taken)
        } else if self.student_is_busy {
            Some(Obstacle::Busy)
        } else if start.0 <= now.checked_add(notice)? {
            Some(Obstacle::TooSoon)
        } else {
            None
        })
    }

    /// Until when the teacher has nothing else after a lesson that ends at `end`.
    pub fn blocked_until(&self, end: Time) -> Result<Time> {
        Ok(Time(end.0.checked_add(SignedDuration::from_mins(self.break_minutes.into()))?))
    }
}

/// Somebody else has that time, or it is not on offer any more.
pub fn taken() -> Error {
    conflict("Slot is not available")
}
