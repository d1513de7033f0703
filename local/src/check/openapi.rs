//! `openapi.json` against the template: the same operations under the same names.

use std::{collections::BTreeMap, fs};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Findings, Tree};

const FILE: &str = "openapi.json";

/// The methods that a path item may hold; its other members are no operations.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "patch", "head", "trace"];

pub(super) fn check(tree: &Tree, found: &mut Findings) -> Result<()> {
    let path = tree.root.join(FILE);
    if !path.is_file() {
        return Ok(()); // a project whose document has not been written yet has nothing to disagree with
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {FILE}"))?;
    let document: Value = match serde_json::from_str(&text) {
        Ok(document) => document,
        Err(error) => {
            found.add(FILE, format!("is no JSON: {error}"));
            return Ok(());
        }
    };
    let mut documented = BTreeMap::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let id = operation["operationId"].as_str().unwrap_or_default();
                documented.insert((method.to_ascii_uppercase(), path.clone()), id);
            }
        }
    }
    for function in &tree.template.functions {
        for (method, path, _) in function.routes() {
            match documented.remove(&(method.to_owned(), path.to_owned())) {
                None => found.add(FILE, format!("lacks {method} {path}: run `cargo local openapi`")),
                Some(id) if id == function.name => {}
                Some(id) => {
                    let name = &function.name;
                    found.add(
                        FILE,
                        format!("calls {method} {path} {id:?}, not {name:?}: run `cargo local openapi`"),
                    );
                }
            }
        }
    }
    examples(&document, found);
    forms(&document, "", found);
    for ((method, path), _) in documented {
        found.add(
            FILE,
            format!("has {method} {path}, which is no route of the template: run `cargo local openapi`"),
        );
    }
    Ok(())
}

/// Every answer in JSON has an example.
fn examples(document: &Value, found: &mut Findings) {
    let items = document["paths"].as_object().into_iter().flatten().map(|(_, item)| item);
    for operation in items.flat_map(|item| METHODS.iter().filter_map(|method| item.get(method))) {
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let content = &response["content"]["application/json"];
            if status.starts_with('2') && content.is_object() && content.get("example").is_none() {
                let id = operation["operationId"].as_str().unwrap_or_default();
                found.add(
                    FILE,
                    format!("{id} has no example of its {status}: see local/tests/api/answers.rs"),
                );
            }
        }
    }
}

/// No schema has a form that generators of clients misread; `openapi::schema` makes them all.
fn forms(value: &Value, place: &str, found: &mut Findings) {
    match value {
        Value::Object(members) => {
            let alternatives = members.get("oneOf").and_then(Value::as_array);
            let is_values = |one: &Value| one.get("const").is_some() || one.get("enum").is_some();
            if alternatives.is_some_and(|all| all.iter().all(is_values)) {
                found.add(FILE, format!("{place} is a oneOf of constants: it must be an enum"));
            }
            let fields = members.get("properties").and_then(Value::as_object).into_iter().flatten();
            for (name, _) in fields.filter(|(_, field)| field.get("default").is_some()) {
                found.add(
                    FILE,
                    format!("{place}/properties/{name} has a default: callers would have to send it"),
                );
            }
            for (name, member) in members {
                if name != "example" && name != "examples" {
                    forms(member, &format!("{place}/{name}"), found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| forms(item, place, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;

    fn with(document: &str) -> Vec<String> {
        let project = Project::in_order();
        project.write("openapi.json", document);
        project.mismatches()
    }

    #[test]
    fn operations_are_the_routes() {
        let named = |id: &str| {
            format!(r#"{{"paths":{{"/api/v1/scenes":{{"summary":"","post":{{"operationId":"{id}"}}}}}}}}"#)
        };
        assert_eq!(with(&named("create-scene")), Vec::<String>::new());
        let other = "openapi.json: calls POST /api/v1/scenes \"make-scene\", not \"create-scene\": run `cargo local openapi`";
        assert_eq!(with(&named("make-scene")), [other]);
    }

    #[test]
    fn a_missing_and_a_strange_operation_are_found() {
        assert_eq!(
            with(r#"{"paths":{"/api/v1/plays":{"post":{"operationId":"create-scene"}}}}"#),
            [
                "openapi.json: has POST /api/v1/plays, which is no route of the template: run `cargo local openapi`",
                "openapi.json: lacks POST /api/v1/scenes: run `cargo local openapi`",
            ]
        );
        assert!(with("{")[0].starts_with("openapi.json: is no JSON"));
    }

    #[test]
    fn an_answer_without_example_and_a_oneof_of_constants_are_found() {
        let answer = r#"{"content":{"application/json":{"schema":{"oneOf":[{"const":"a"},{"const":"b"}]}}}}"#;
        let document = format!(
            r#"{{"paths":{{"/api/v1/scenes":{{"post":{{"operationId":"create-scene","responses":{{"201":{answer},"400":{answer}}}}}}}}}}}"#
        );
        let found = with(&document);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(
            found[2],
            "openapi.json: create-scene has no example of its 201: see local/tests/api/answers.rs"
        );
        assert!(found[0].ends_with("is a oneOf of constants: it must be an enum"), "{found:?}");
    }

    #[test]
    fn a_field_with_a_default_and_a_oneof_of_enumerations_are_found() {
        let schemas = r#"{"A":{"oneOf":[{"enum":["a"]},{"const":"b"}]},
                          "B":{"properties":{"default":{"type":"string"},"c":{"type":"string","default":null}}}}"#;
        let route = r#""/api/v1/scenes":{"post":{"operationId":"create-scene"}}"#;
        let found = with(&format!(r#"{{"paths":{{{route}}},"components":{{"schemas":{schemas}}}}}"#));
        assert_eq!(
            found,
            [
                "openapi.json: /components/schemas/A is a oneOf of constants: it must be an enum",
                "openapi.json: /components/schemas/B/properties/c has a default: callers would have to send it",
            ]
        );
    }
}
