//! What happened, in the transaction that did it; a job tells those whom it concerns.

use serde_json::{Value, json};
use shared::prelude::*;

use crate::booking::Booking;

/// Something that happened.
pub struct Event {
    kind: &'static str,
    aggregate: &'static str,
    id: Uuid,
    student_id: Option<Uuid>,
    teacher_id: Option<Uuid>,
    payload: Value,
}

/// Something that happened and that nobody has been told of yet.
#[row]
pub struct PendingEvent {
    /// Its id.
    pub id: Uuid,
    /// What kind of thing it happened to.
    pub aggregate_type: String,
    /// To which one.
    pub aggregate_id: Uuid,
    /// What happened, for example `booking.confirmed`.
    pub event_type: String,
    /// Ids and states.
    pub payload: Value,
    /// `pending`.
    pub status: String,
    /// When it happened.
    pub occurred_at: Time,
    /// Null.
    pub processed_at: Option<Time>,
    /// How often telling of it has failed.
    pub retries: i32,
    /// Why the last time.
    pub error_message: Option<String>,
    /// When it happened.
    pub created_at: Time,
    /// When it was last tried.
    pub updated_at: Time,
}

/// How many pending events are wanted.
#[input]
pub struct PendingQuery {
    /// At most.
    #[default]
    pub limit: Int<1, 1000, 100>,
}

impl Event {
    /// Of a booking.
    pub fn of_booking(kind: &'static str, id: Uuid, student: Option<Uuid>, teacher: Option<Uuid>) -> Event {
        let payload = json!({ "booking_id": id });
        Event { kind, aggregate: "booking", id, student_id: student, teacher_id: teacher, payload }
    }

    /// Of a booking's lesson.
    pub fn of_lesson(kind: &'static str, lesson: Uuid, booking: &Booking) -> Event {
        let payload = json!({ "lesson_id": lesson, "booking_id": booking.id });
        Event {
            kind,
            aggregate: "lesson",
            id: lesson,
            student_id: booking.student_id,
            teacher_id: booking.teacher_id,
            payload,
        }
    }

    /// Of a package or a payment.
    pub fn of_billing(kind: &'static str, id: Uuid, student: Option<Uuid>) -> Event {
        Event { kind, aggregate: "billing", id, student_id: student, teacher_id: None, payload: json!({}) }
    }

    /// With more to say: ids of things and states, nothing that a person wrote.
    pub fn with(mut self, more: Value) -> Event {
        if let (Value::Object(payload), Value::Object(more)) = (&mut self.payload, more) {
            payload.extend(more);
        }
        self
    }
}

/// Writes down what happened. Pipeline it with what did it.
pub async fn record(tx: &Tx, event: &Event) -> Result<()> {
    tx.execute(
        "insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id, teacher_id, payload)
         values ($1, $2, $3, $4, $5, $6, $7)",
        &[
            &Uuid::now_v7(),
            &event.kind,
            &event.aggregate,
            &event.id,
            &event.student_id,
            &event.teacher_id,
            &event.payload,
        ],
    )
    .await?;
    Ok(())
}

/// What nobody has been told of yet, the oldest first; people's ids as the payload of the earlier backend has them.
pub async fn list_pending(tx: &Tx, limit: i64) -> Result<Vec<PendingEvent>> {
    tx.list(
        "select id, aggregate_type, aggregate_id, event_type, status, occurred_at, processed_at, retries, error_message,
                occurred_at as created_at, updated_at,
                payload || jsonb_strip_nulls(jsonb_build_object('student_id', student_id, 'teacher_id', teacher_id)) as payload
         from lessons.events
         where status = 'pending'
         order by occurred_at, id
         limit $1",
        &[&limit],
    )
    .await
}
