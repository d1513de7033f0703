//! Path, query and body as typed parameters. Every bad field comes back at once, each with its path.
//!
//! Types of input are marked [`#[input]`](crate::macros::input); the rules of a field are its type (see
//! [`crate::value`]). Unknown fields and parameters are ignored.

use deserr::Deserr;
use schemars::JsonSchema;
use serde_json::Value;

use crate::describe::Operation;
use crate::error::{FieldError, Result, invalid, invalid_field};
use crate::request::{FromRequest, Request};

pub use crate::problem::{Problems, one_of, problem};

/// The JSON body of a request, or a 200 answer with JSON.
pub struct Json<T>(pub T);

/// The path's parameters.
pub struct Path<T>(pub T);

/// The query's parameters; the last of a repeated name counts.
pub struct Query<T>(pub T);

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
        Ok(Path(read(texts(parameters)?)?))
    }

    fn describe(operation: &mut Operation) {
        operation.parameters::<T>("path");
        operation.error(400, "A path parameter is not what it must be");
    }
}

impl<T: Deserr<Problems> + JsonSchema + Send> FromRequest for Query<T> {
    async fn from_request(request: &mut Request) -> Result<Query<T>> {
        Ok(Query(read(query(request)?)?))
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

/// Reads an `A` and a `B`, which do not know of each other, out of one query.
pub(crate) fn read_both<A: Deserr<Problems>, B: Deserr<Problems>>(request: &mut Request) -> Result<(A, B)> {
    both(query(request)?).map_err(|problems| invalid(problems.0))
}

fn both<A: Deserr<Problems>, B: Deserr<Problems>>(query: Value) -> Result<(A, B), Problems> {
    match (deserr::deserialize(query.clone()), deserr::deserialize(query)) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (of_a, of_b) => {
            let (of_a, of_b): (Option<Problems>, Option<Problems>) = (of_a.err(), of_b.err());
            let mut all: Vec<FieldError> =
                of_a.into_iter().chain(of_b).flat_map(|problems| problems.0).collect();
            all.sort_by(|one, other| one.path.cmp(&other.path));
            Err(Problems(all))
        }
    }
}

/// Adds the parameters of a query that [`read_both`] reads.
pub(crate) fn describe_both<A: JsonSchema, B: JsonSchema>(operation: &mut Operation) {
    let first = operation.parameters.len();
    operation.parameters::<A>("query");
    operation.parameters::<B>("query");
    operation.parameters[first..].sort_by(|one, other| one["name"].as_str().cmp(&other["name"].as_str()));
    operation.error(400, "A query parameter is not what it must be");
}

/// The query's parameters, by name.
fn query(request: &mut Request) -> Result<Value> {
    texts(std::mem::take(&mut request.query))
}

/// 400 for one that was no UTF-8 before API Gateway decoded it and put U+FFFD in the place of what it could not read.
fn texts(parameters: impl IntoIterator<Item = (String, String)>) -> Result<Value> {
    let (mut texts, mut bad) = (serde_json::Map::new(), Vec::new());
    for (name, text) in parameters {
        if text.contains('\u{fffd}') {
            let (code, message) = ("utf8".into(), "Input should be UTF-8".into());
            bad.push(FieldError { path: format!("/{name}"), code, message });
        }
        texts.insert(name, Value::String(text));
    }
    if bad.is_empty() { Ok(Value::Object(texts)) } else { Err(invalid(bad)) }
}

#[cfg(test)]
mod tests {
    use schemars::SchemaGenerator;
    use serde_json::json;

    use super::*;
    use crate::macros;
    use crate::value::{Change, Int, List, Text};

    /// What a caller may say of an order.
    #[macros::input]
    #[derive(Debug, serde::Serialize)]
    struct Order {
        /// What is ordered.
        title: Text<1, 5>,
        pieces: Option<Int<1, 9>>,
        note: Change<Option<Text<0, 5>>>,
        #[default]
        weeks: Int<1, 104, 12>,
        #[default]
        r#for: List<Text<1, 5>, 2>,
    }

    #[test]
    fn what_may_be_left_out_is_what_the_type_or_its_mark_says() {
        let order: Order = read(json!({ "title": "bread" })).unwrap();
        assert_eq!((order.pieces, order.weeks.get(), order.r#for.0.len()), (None, 12, 0));
        assert_eq!(order.note, Change::Absent);
        let order: Order =
            read(json!({ "title": "bread", "note": null, "for": ["mia"], "more": 1 })).unwrap();
        assert_eq!((order.note, order.r#for.0.len()), (Change::Set(None), 1));
        let schema = Order::json_schema(&mut SchemaGenerator::default()).to_value();
        assert_eq!(
            (&schema["required"], &schema["properties"]["weeks"]["default"]),
            (&json!(["title"]), &json!(12))
        );
    }

    #[test]
    fn a_patch_has_the_fields_that_the_body_had() {
        let members = |body: Value| serde_json::to_value(read::<Order>(body).unwrap()).unwrap();
        assert!(members(json!({ "title": "bread" })).get("note").is_none());
        assert_eq!(members(json!({ "title": "bread", "note": null })).get("note"), Some(&Value::Null));
        assert_eq!(members(json!({ "title": "bread", "note": "now" }))["note"], "now");
    }

    #[test]
    fn two_readers_of_one_query_tell_what_is_bad_for_either() {
        #[macros::input]
        #[derive(Debug)]
        struct Piece {
            number: Int<1, 9>,
        }
        let query = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, text)| (name.to_string(), Value::from(*text))).collect::<Value>()
        };
        let (order, piece) = both::<Order, Piece>(query(&[("title", "bread"), ("number", "3")])).unwrap();
        assert_eq!((order.title.as_str(), piece.number.get()), ("bread", 3));
        let bad = both::<Order, Piece>(query(&[
            ("weeks", "0"),
            ("title", "bread"),
            ("number", "x"),
            ("pieces", "0"),
        ]));
        let paths: Vec<String> = bad.unwrap_err().0.into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["/number", "/pieces", "/weeks"]);
    }
}
