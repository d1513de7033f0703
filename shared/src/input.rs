//! Path, query and body as typed parameters. Every bad field comes back at once, each with its path.
//!
//! Types of input derive [`deserr::Deserr`] with `#[deserr(error = Problems)]` and [`schemars::JsonSchema`]; the rules
//! of a field are its type (see [`crate::value`]). Unknown fields and parameters are ignored.

use std::borrow::Cow;
use std::ops::ControlFlow;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, MergeWithError, ValueKind, ValuePointerRef};
use schemars::JsonSchema;
use serde_json::Value;

use crate::describe::Operation;
use crate::error::{FieldError, Result, invalid, invalid_field};
use crate::request::{FromRequest, Request};

/// The JSON body of a request, or a 200 answer with JSON.
pub struct Json<T>(pub T);

/// The path's parameters.
pub struct Path<T>(pub T);

/// The query's parameters; the last of a repeated name counts.
pub struct Query<T>(pub T);

/// Every bad field found so far, in the order of the input.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Problems(pub Vec<FieldError>);

impl<T: Deserr<Problems> + JsonSchema + Send> FromRequest for Json<T> {
    const TAKES_JSON: bool = true;

    async fn from_request(request: &mut Request) -> Result<Json<T>> {
        let json = request.json.take().ok_or_else(|| {
            if request.body.is_empty() {
                invalid_field("", "missing", "Field required")
            } else {
                invalid_field("", "content_type", "the body must be JSON (Content-Type: application/json)")
            }
        })?;
        Ok(Json(read(json)?))
    }

    fn describe(operation: &mut Operation) {
        operation.body::<T>();
        operation.error(400, "The body is not JSON, or a field is not what it must be");
    }
}

impl<T: Deserr<Problems> + JsonSchema + Send> FromRequest for Path<T> {
    async fn from_request(request: &mut Request) -> Result<Path<T>> {
        let parameters = std::mem::take(&mut request.path_parameters);
        Ok(Path(read(parameters.into_iter().map(|(name, text)| (name, Value::String(text))).collect())?))
    }

    fn describe(operation: &mut Operation) {
        operation.parameters::<T>("path");
        operation.error(400, "A path parameter is not what it must be");
    }
}

impl<T: Deserr<Problems> + JsonSchema + Send> FromRequest for Query<T> {
    async fn from_request(request: &mut Request) -> Result<Query<T>> {
        let parameters = std::mem::take(&mut request.query);
        Ok(Query(read(parameters.into_iter().map(|(name, text)| (name, Value::String(text))).collect())?))
    }

    fn describe(operation: &mut Operation) {
        operation.parameters::<T>("query");
        operation.error(400, "A query parameter is not what it must be");
    }
}

/// Reads a `T` out of a JSON value, or answers 400 with every bad field.
pub fn read<T: Deserr<Problems>>(value: Value) -> Result<T> {
    deserr::deserialize::<T, Value, Problems>(value).map_err(|problems| invalid(problems.0))
}

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
