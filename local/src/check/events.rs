//! The sample events: one for each function, and each a call of that function's own route.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Findings, Tree, stems};

pub(super) fn check(tree: &Tree, found: &mut Findings) -> Result<()> {
    let mut wanted = BTreeSet::new();
    for (function, binary) in tree.pairs() {
        let file = Path::new("events").join(&binary.package).join(format!("{}.json", function.name));
        let Ok(text) = fs::read_to_string(tree.root.join(&file)) else {
            found.add(
                file,
                format!(
                    "{} has no sample event: write one that succeeds on the seeded database",
                    function.name
                ),
            );
            continue;
        };
        wanted.insert(file.clone());
        match serde_json::from_str::<Value>(&text) {
            Err(error) => found.add(file, format!("is no JSON: {error}")),
            Ok(event) => {
                for (method, path, _) in function.routes() {
                    for message in differences(&event, method, path) {
                        found.add(&file, message);
                    }
                }
            }
        }
    }
    let folder = tree.root.join("events");
    if folder.is_dir() {
        for entry in fs::read_dir(&folder).context("cannot read events/")? {
            let entry = entry?;
            for stem in stems(&entry.path(), "json")? {
                let file = Path::new("events").join(entry.file_name()).join(format!("{stem}.json"));
                if !wanted.contains(&file)
                    && !tree
                        .template
                        .functions
                        .iter()
                        .any(|f| f.name == stem && !tree.binaries.contains_key(&stem))
                {
                    found.add(file, "belongs to no function of its domain: move, rename or delete it");
                }
            }
        }
    }
    Ok(())
}

/// What in the event is not a call of `method path` as API Gateway makes it (Lambda proxy integration, payload 1.0).
fn differences(event: &Value, method: &str, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut expect = |pointer: &str, wanted: &str| {
        let given = event.pointer(pointer).and_then(Value::as_str);
        if given != Some(wanted) {
            let name = pointer.trim_start_matches('/').replace('/', ".");
            let given = given.map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"));
            found.push(format!("{name} is {given}: write {wanted:?}, as the template has it"));
        }
    };
    expect("/httpMethod", method);
    expect("/requestContext/httpMethod", method);
    expect("/resource", path);
    expect("/requestContext/resourcePath", path);

    let mut called = path.to_owned();
    for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        match event["pathParameters"][name.trim_end_matches('+')].as_str() {
            Some(value) => called = called.replace(&format!("{{{name}}}"), value),
            None => found.push(format!("pathParameters lack {name}: add it")),
        }
    }
    if event["path"].as_str() != Some(&called) {
        found.push(format!("path is {}: with its pathParameters it is {called:?}", event["path"]));
    }
    match &event["body"] {
        Value::Null => {}
        Value::String(body)
            if event["isBase64Encoded"] == Value::Bool(true)
                || serde_json::from_str::<Value>(body).is_ok() => {}
        Value::String(_) => found.push("body is no JSON".to_owned()),
        _ => found.push("body is JSON: API Gateway sends it as text, so quote it".to_owned()),
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::Project;
    use super::*;

    const EVENT: &str = "events/practice/create-scene.json";

    #[test]
    fn a_missing_a_broken_and_a_stray_event_are_found() {
        let project = Project::in_order();
        project.remove(EVENT);
        project.write("events/practice/tidy-up.json", "{");
        project.write("events/practice/create-scenes.json", "{}");
        let found = project.mismatches();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with(&format!("{EVENT}: create-scene has no sample event")));
        assert!(found[1].starts_with("events/practice/create-scenes.json: belongs to no function"));
        assert!(found[2].starts_with("events/practice/tidy-up.json: is no JSON"));
    }

    #[test]
    fn an_event_of_another_route_is_found() {
        let project = Project::in_order();
        project.edit(EVENT, r#""httpMethod":"POST","path""#, r#""httpMethod":"GET","path""#);
        let message = format!("{EVENT}: httpMethod is \"GET\": write \"POST\", as the template has it");
        assert_eq!(project.mismatches(), [message]);
    }

    #[test]
    fn the_path_is_the_resource_with_its_parameters() {
        let mut event = serde_json::json!({
            "httpMethod": "GET", "resource": "/a/{id}", "path": "/a/7", "pathParameters": {"id": "7"}, "body": null,
            "requestContext": {"httpMethod": "GET", "resourcePath": "/a/{id}"},
        });
        assert_eq!(differences(&event, "GET", "/a/{id}"), Vec::<String>::new());
        event["path"] = "/a/8".into();
        assert_eq!(
            differences(&event, "GET", "/a/{id}"),
            ["path is \"/a/8\": with its pathParameters it is \"/a/7\""]
        );
        event["pathParameters"] = Value::Null;
        assert_eq!(differences(&event, "GET", "/a/{id}")[0], "pathParameters lack id: add it");
    }

    #[test]
    fn a_body_is_text() {
        let mut event = serde_json::json!({
            "httpMethod": "GET", "resource": "/a", "path": "/a", "body": "{}",
            "requestContext": {"httpMethod": "GET", "resourcePath": "/a"},
        });
        assert_eq!(differences(&event, "GET", "/a"), Vec::<String>::new());
        event["body"] = "{".into();
        assert_eq!(differences(&event, "GET", "/a"), ["body is no JSON"]);
        event["body"] = serde_json::json!({});
        assert_eq!(
            differences(&event, "GET", "/a"),
            ["body is JSON: API Gateway sends it as text, so quote it"]
        );
    }
}
