//! What is wrong with an input: every bad field with its path, in words that a person can act on.

use std::borrow::Cow;
use std::ops::ControlFlow;

use deserr::{DeserializeError, ErrorKind, IntoValue, MergeWithError, ValueKind, ValuePointerRef};

use crate::error::FieldError;

/// Every bad field found so far, in the order of the input.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Problems(pub Vec<FieldError>);

/// Ends the reading of a field: `Err(problem(location, code, sentence))`.
pub fn problem(
    location: ValuePointerRef<'_>,
    code: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Problems {
    Problems(vec![FieldError { path: json_pointer(location), code: code.into(), message: message.into() }])
}

/// RFC 6901; the empty text is the whole input.
fn json_pointer(location: ValuePointerRef<'_>) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => {
            format!("{}/{}", json_pointer(*prev), key.replace('~', "~0").replace('/', "~1"))
        }
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", json_pointer(*prev)),
    }
}

impl MergeWithError<Problems> for Problems {
    fn merge(known: Option<Self>, more: Problems, _: ValuePointerRef<'_>) -> ControlFlow<Self, Self> {
        let mut all = known.unwrap_or_default();
        all.0.extend(more.0);
        ControlFlow::Continue(all)
    }
}

impl DeserializeError for Problems {
    fn error<V: IntoValue>(
        known: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let found = match error {
            ErrorKind::MissingField { field } => {
                problem(location.push_key(field), "missing", "Field required")
            }
            ErrorKind::IncorrectValueKind { accepted, .. } => {
                problem(location, "type", format!("Input should be a valid {}", kinds(accepted)))
            }
            ErrorKind::UnknownValue { accepted, .. } => problem(location, "enum", one_of(accepted)),
            ErrorKind::UnknownKey { key, .. } => {
                problem(location.push_key(key), "unknown_field", "Unknown field")
            }
            ErrorKind::BadSequenceLen { expected, .. } => {
                problem(location, "length", format!("List should have {expected} items"))
            }
            ErrorKind::Unexpected { msg } => problem(location, "invalid", msg),
        };
        Self::merge(known, found, location)
    }
}

fn kinds(accepted: &[ValueKind]) -> String {
    let names: Vec<&str> = accepted
        .iter()
        .map(|kind| match kind {
            ValueKind::Null => "null",
            ValueKind::Boolean => "boolean",
            ValueKind::Integer | ValueKind::NegativeInteger => "integer",
            ValueKind::Float => "number",
            ValueKind::String => "string",
            ValueKind::Sequence => "list",
            ValueKind::Map => "object",
        })
        .collect();
    names.join(" or ")
}

/// `Input should be 'A', 'B' or 'C'`.
pub fn one_of(accepted: &[&str]) -> String {
    let quoted: Vec<String> = accepted.iter().map(|name| format!("'{name}'")).collect();
    match quoted.split_last() {
        Some((last, [])) => format!("Input should be {last}"),
        Some((last, rest)) => format!("Input should be {} or {last}", rest.join(", ")),
        None => "Input should be absent".to_owned(),
    }
}
