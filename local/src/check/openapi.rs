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
    for ((method, path), _) in documented {
        found.add(
            FILE,
            format!("has {method} {path}, which is no route of the template: run `cargo local openapi`"),
        );
    }
    Ok(())
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
}
