//! Lists by pages that go on from a place: `limit` and `cursor`. Each page is a stretch of an index, however long the
//! list is, and a row that comes or goes meanwhile shifts nothing.
//!
//! A statement asks for the rows after a place, newest first, and for one more than a page has:
//! `where ($1::timestamptz is null or (created_at, id) < ($1, $2)) order by created_at desc, id desc limit $3`, with
//! [`KeysetPaging::after_time`], [`KeysetPaging::after_id`] and [`KeysetPaging::rows`].

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::describe::Operation;
use crate::error::Result;
use crate::input::{self, Problems, problem};
use crate::macros::input;
use crate::request::{FromRequest, Request};
use crate::value::{Int, Time};

/// A row of a list that goes from the newest to the oldest.
pub trait Keyset {
    /// What a page of the list is called in OpenAPI, for example `AuditPage`. A cursor works in the list of this name and
    /// in no other.
    const LIST: &'static str;

    /// Where the row stands in the list.
    fn place(&self) -> Place;
}

/// Where a row stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// What the list is ordered by, to the microsecond, as PostgreSQL keeps it.
    pub at: Time,
    /// The row's id, which decides between rows of the same moment.
    pub id: Uuid,
}

/// A handler's parameter: the filter `F` of a list of `T`, and which page of it. At most `MAX` rows are a page, `DEFAULT`
/// if the caller says nothing.
pub struct KeysetPaged<F, T, const MAX: i64, const DEFAULT: i64>(pub F, pub KeysetPaging<T>);

/// Which page of a list of `T`.
pub struct KeysetPaging<T> {
    limit: i64,
    after: Option<Cursor<T>>,
}

/// A page of a list that goes on from a place.
#[derive(Serialize)]
pub struct KeysetPage<T: Keyset> {
    /// The page.
    pub items: Vec<T>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<Cursor<T>>,
}

/// The place in a list of `T` after which its next page begins. On the wire 40 characters that mean nothing to the caller:
/// base64url of a checksum, microseconds since 1970 and the id. The checksum is no secret: it tells a damaged cursor and
/// one of another list, and whoever makes up a place sees no more rows than the list has for them.
pub struct Cursor<T> {
    place: Place,
    list: PhantomData<fn() -> T>,
}

/// How long the checksum is, in bytes: with the place a multiple of three, which base64 needs no padding for.
const CHECKSUM: usize = 6;
const PLACE: usize = 24;

/// What the query says of the page; `C` is the list's cursor.
#[input]
struct Asked<C, const MAX: i64, const DEFAULT: i64> {
    /// How many at most.
    #[default]
    limit: Int<1, MAX, DEFAULT>,
    /// The `next_cursor` of the page before.
    cursor: Option<C>,
}

impl<F, T, const MAX: i64, const DEFAULT: i64> FromRequest for KeysetPaged<F, T, MAX, DEFAULT>
where
    F: Deserr<Problems> + JsonSchema + Send,
    T: Keyset,
{
    async fn from_request(request: &mut Request) -> Result<Self> {
        let (filter, asked) = input::read_both::<F, Asked<Cursor<T>, MAX, DEFAULT>>(request)?;
        Ok(KeysetPaged(filter, KeysetPaging { limit: asked.limit.get(), after: asked.cursor }))
    }

    fn describe(operation: &mut Operation) {
        input::describe_both::<F, Asked<Cursor<T>, MAX, DEFAULT>>(operation);
    }
}

impl<T: Keyset> KeysetPaging<T> {
    /// The moment that the rows come after; none on the first page.
    pub fn after_time(&self) -> Option<Time> {
        self.after.as_ref().map(|cursor| cursor.place.at)
    }

    /// The id that the rows of the same moment come after; none on the first page.
    pub fn after_id(&self) -> Option<Uuid> {
        self.after.as_ref().map(|cursor| cursor.place.id)
    }

    /// How many rows to ask for: one more than the page has tells whether there is another.
    pub fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// The page of these rows.
    pub fn page(self, mut items: Vec<T>) -> KeysetPage<T> {
        let limit = usize::try_from(self.limit).unwrap_or_default();
        let is_last = items.len() <= limit;
        items.truncate(limit);
        let last = items.last().filter(|_| !is_last);
        KeysetPage { next_cursor: last.map(|row| Cursor { place: row.place(), list: PhantomData }), items }
    }
}

impl<T: Keyset> Cursor<T> {
    fn parse(text: &str) -> Option<Place> {
        let bytes: [u8; CHECKSUM + PLACE] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (checksum, place) = bytes.split_first_chunk::<CHECKSUM>()?;
        if *checksum != checksum_of(T::LIST, place) {
            return None;
        }
        let (at, id) = place.split_first_chunk()?;
        let at = Timestamp::from_microsecond(i64::from_be_bytes(*at)).ok()?;
        Some(Place { at: Time(at), id: Uuid::from_slice(id).ok()? })
    }
}

/// Of the list and a place in it.
fn checksum_of(list: &str, place: &[u8]) -> [u8; CHECKSUM] {
    let hash = Sha256::new().chain_update(list).chain_update([0]).chain_update(place).finalize();
    std::array::from_fn(|index| hash[index])
}

impl<T: Keyset> fmt::Display for Cursor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.place.at.0.as_microsecond().to_be_bytes();
        let place = [&at[..], self.place.id.as_bytes()].concat();
        f.write_str(&URL_SAFE_NO_PAD.encode([&checksum_of(T::LIST, &place)[..], &place].concat()))
    }
}

impl<T: Keyset> Serialize for Cursor<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<T: Keyset> Deserr<Problems> for Cursor<T> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Cursor<T>, Problems> {
        let place = match value {
            Value::String(text) => Cursor::<T>::parse(&text),
            _ => None,
        };
        place
            .map(|place| Cursor { place, list: PhantomData })
            .ok_or_else(|| problem(location, "cursor", "Input should be the next_cursor of a page"))
    }
}

impl<T> JsonSchema for Cursor<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Cursor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]{40}$" })
    }
}

impl<T: Keyset + JsonSchema> JsonSchema for KeysetPage<T> {
    fn schema_name() -> Cow<'static, str> {
        T::LIST.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A page of a list, the newest row first.",
            "type": "object",
            "properties": {
                "items": {
                    "description": "The page.", "type": "array", "items": generator.subschema_for::<T>(),
                },
                "next_cursor": {
                    "description": "Where the next page begins; null on the last one.",
                    "type": ["string", "null"],
                    "pattern": "^[A-Za-z0-9_-]{40}$",
                },
            },
            "required": ["items"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Letter(u128);
    struct Parcel;

    impl Keyset for Letter {
        const LIST: &'static str = "LetterPage";

        fn place(&self) -> Place {
            Place { at: Time("2026-11-16T09:00:00.123456Z".parse().unwrap()), id: Uuid::from_u128(self.0) }
        }
    }

    impl Keyset for Parcel {
        const LIST: &'static str = "ParcelPage";

        fn place(&self) -> Place {
            Letter(0).place()
        }
    }

    fn page(limit: i64, rows: impl IntoIterator<Item = u128>) -> KeysetPage<Letter> {
        KeysetPaging { limit, after: None }.page(rows.into_iter().map(Letter).collect())
    }

    fn cursor(place: Place) -> String {
        Cursor::<Letter> { place, list: PhantomData }.to_string()
    }

    #[test]
    fn only_a_longer_list_has_a_next_page() {
        let last = page(2, [1, 2]);
        assert!(last.next_cursor.is_none());
        assert_eq!(last.items, [Letter(1), Letter(2)]);
        let first = page(2, [1, 2, 3]);
        assert_eq!(first.items, [Letter(1), Letter(2)]);
        let text = first.next_cursor.unwrap().to_string();
        assert_eq!((text.len(), Cursor::<Letter>::parse(&text)), (40, Some(Letter(2).place())));
    }

    #[test]
    fn every_moment_comes_back() {
        for at in ["1969-12-31T23:59:59.999999Z", "-009999-01-02T01:59:59Z", "9999-12-30T22:00:00Z"] {
            let place = Place { at: Time(at.parse().unwrap()), id: Uuid::max() };
            assert_eq!(Cursor::<Letter>::parse(&cursor(place)), Some(place), "{at}");
        }
    }

    #[test]
    fn a_damaged_cursor_is_refused() {
        let text = cursor(Letter(7).place());
        for index in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[index] = if damaged[index] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert_eq!(Cursor::<Letter>::parse(&damaged), None, "{damaged}");
        }
        for text in ["", "2", &text[..39], &format!("{text}A"), &"_".repeat(40)] {
            assert_eq!(Cursor::<Letter>::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let text = cursor(Letter(7).place());
        assert!(Cursor::<Letter>::parse(&text).is_some());
        assert!(Cursor::<Parcel>::parse(&text).is_none());
    }
}
