//! Where a reader was.

use std::fmt;
use std::str::FromStr;

use serde_json::json;
use uuid::Uuid;

use crate::describe::Operation;
use crate::error::{Result, invalid_field};
use crate::request::{FromRequest, Request};

/// An event of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// The run.
    pub run: Uuid,
    /// Which attempt at it, from 1.
    pub attempt: i32,
    /// The event's number in the attempt, from 1; 0 is before the first.
    pub number: i32,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.run, self.attempt, self.number)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<EventId, ()> {
        let mut parts = text.rsplitn(3, '-');
        let mut part = || parts.next().ok_or(());
        let (number, attempt, run) = (part()?, part()?, part()?);
        let count = |text: &str| text.parse().ok().filter(|count: &i32| *count >= 0).ok_or(());
        Ok(EventId { number: count(number)?, attempt: count(attempt)?, run: run.parse().map_err(drop)? })
    }
}

/// The last event that a reader has, as a handler's parameter: the header `Last-Event-ID`, which a browser's `EventSource` sends
/// by itself, or else the query parameter `last_event_id`. None without either; 400 for what is no id of an event.
pub struct LastEvent(pub Option<EventId>);

impl FromRequest for LastEvent {
    async fn from_request(request: &mut Request) -> Result<LastEvent> {
        let in_query = || request.query.iter().rev().find(|(name, _)| name == "last_event_id");
        let given = match request.header("last-event-id") {
            Some(text) => Some(text),
            None => in_query().map(|(_, text)| text.as_str()),
        };
        let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(LastEvent(None));
        };
        let wrong = |()| invalid_field("last_event_id", "event_id", "not the id of an event of a stream");
        text.parse().map(|id| LastEvent(Some(id))).map_err(wrong)
    }

    fn describe(operation: &mut Operation) {
        let description = "The id of the last event that the reader has: those after it follow";
        let schema = json!({ "type": "string", "maxLength": 100 });
        operation.header("Last-Event-ID", description, schema.clone());
        operation.parameters.push(json!({
            "name": "last_event_id", "in": "query", "required": false,
            "description": "The same, where a header cannot be set", "schema": schema,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written() {
        let id = EventId { run: Uuid::now_v7(), attempt: 2, number: 17 };
        assert_eq!(id.to_string().parse(), Ok(id));
        let run = Uuid::now_v7();
        for wrong in [
            "",
            "1",
            "1-2",
            "a-1-2",
            &format!("{run}-1"),
            &format!("{run}-1--2"),
            &format!("{run}-1-99999999999"),
        ] {
            assert_eq!(wrong.parse::<EventId>(), Err(()), "{wrong}");
        }
    }
}
