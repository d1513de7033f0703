//! Where a page of a list ends: the moment and the id of its last row, after which the next page goes on. A row that
//! comes or goes meanwhile shifts nothing.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deserr::{IntoValue, Value, ValuePointerRef};
use jiff::Timestamp;
use schemars::{Schema, SchemaGenerator, json_schema};
use shared::input::problem;
use shared::prelude::*;

/// A place in a list that goes from the newest row to the oldest. On the wire 32 characters that mean nothing to the
/// caller: base64url of microseconds since 1970 and the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// When the row was made, to the microsecond, as PostgreSQL keeps it.
    pub at: Time,
    /// The row's id, which decides between rows of the same moment.
    pub id: Uuid,
}

impl Cursor {
    /// Cuts `rows`, of which one more than `limit` was asked for, to `limit`; gives the cursor of the last one if
    /// there was more.
    pub fn cut<T>(rows: &mut Vec<T>, limit: i64, place: impl FnOnce(&T) -> Cursor) -> Option<Cursor> {
        let limit = usize::try_from(limit).unwrap_or_default();
        if rows.len() <= limit {
            return None;
        }
        rows.truncate(limit);
        rows.last().map(place)
    }

    fn parse(text: &str) -> Option<Cursor> {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (at, id) = bytes.split_first_chunk()?;
        // Nothing was made before 1970, and PostgreSQL knows fewer years than an `i64` does.
        let at = u64::from_be_bytes(*at).try_into().ok()?;
        Some(Cursor { at: Time(Timestamp::from_microsecond(at).ok()?), id: Uuid::from_slice(id).ok()? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.0.as_microsecond().to_be_bytes();
        f.write_str(&URL_SAFE_NO_PAD.encode([&at[..], self.id.as_bytes()].concat()))
    }
}

impl Serialize for Cursor {
    fn serialize<S: shared::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Deserr<Problems> for Cursor {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Cursor, Problems> {
        let cursor = match value {
            Value::String(text) => Cursor::parse(&text),
            _ => None,
        };
        cursor.ok_or_else(|| problem(location, "cursor", "Input should be the next_cursor of a page"))
    }
}

impl JsonSchema for Cursor {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{32}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let at = Time("2026-11-16T09:00:00.123456Z".parse().unwrap());
        let cursor = Cursor { at, id: Uuid::now_v7() };
        let text = cursor.to_string();
        assert_eq!((text.len(), Cursor::parse(&text)), (32, Some(cursor)));
    }

    #[test]
    fn what_no_page_gave_is_refused() {
        let before_1970 = URL_SAFE_NO_PAD.encode([0xff; 24]);
        let year_200_000 = URL_SAFE_NO_PAD.encode([[0x57; 8]; 3].concat());
        for text in ["", "2", "MQ", "////////////////////////////////", &before_1970, &year_200_000] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_longer_list_has_a_next_page() {
        let place = |_: &i32| Cursor { at: Time(Timestamp::UNIX_EPOCH), id: Uuid::nil() };
        let mut rows = vec![1, 2];
        assert_eq!((Cursor::cut(&mut rows, 2, place), rows.len()), (None, 2));
        let mut rows = vec![1, 2, 3];
        assert!(Cursor::cut(&mut rows, 2, place).is_some());
        assert_eq!(rows, [1, 2]);
    }
}
