//! The answers that stand in openapi.json as examples: `events/<domain>/answers/<route>.json` holds what the route
//! answers to its sample event. `RECORD=1 cargo test -p local --test api recorded` writes them, `cargo local openapi`
//! puts them into the document.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::{WITH_PROVIDER, samples, seeded};

/// Ids of the sample events and of the rows that they are about stay; every other one is new each time.
const SEEDED: [&str; 2] = ["00000000-0000-", "11111111-1111-"];

/// Members whose text is secret or random.
const SECRETS: [(&str, &str); 6] = [
    ("access_token", "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.e30.c2lnbmF0dXJl"),
    ("refresh_token", "cmVmcmVzaC10b2tlbi1vZi10aGUtZXhhbXBsZS0xMjM0NTY"),
    ("csrf_token", "Y3NyZi10b2tlbi1vZi10aGUtZXhhbXBsZS0xMjM0NTY3ODk"),
    ("kid", "01a1fdd9-e147-7000-8000-000000000001"),
    ("x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
    ("build", "0.1.0"),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_answers_are_those_that_the_routes_give() {
    let stack = seeded().await;
    let nobody = stack.anonymous();
    let mut stale = Vec::new();
    for sample in samples(&stack) {
        let answer = sample.call(&nobody, true).await;
        let is_json = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let file = file(&sample.function);
        // openapi.json as an example in itself would never end: that one is short, and written by hand.
        if !is_json
            || answer.bytes().is_empty()
            || WITH_PROVIDER.contains(&&*sample.function)
            || sample.function == "get-openapi"
        {
            continue;
        }
        assert!((200..300).contains(&answer.status()), "{}: {answer}", sample.function);
        let now = steady(answer.json(), "", &mut BTreeMap::new());
        if std::env::var_os("RECORD").is_some() {
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("the folder can be made");
            let text = serde_json::to_string_pretty(&now).expect("JSON") + "\n";
            std::fs::write(&file, text).expect("the file can be written");
            continue;
        }
        let recorded = std::fs::read_to_string(&file).unwrap_or_default();
        let recorded: Value = serde_json::from_str(&recorded).unwrap_or_default();
        if recorded.is_null() || !agree(&recorded, &now) {
            stale.push(format!("{}: recorded {recorded}, now {now}", file.display()));
        }
    }
    let help = "run `RECORD=1 cargo test -p local --test api recorded`, then `cargo local openapi`";
    assert!(stale.is_empty(), "{help}\n{}", stale.join("\n"));
}

fn file(function: &str) -> PathBuf {
    let event = super::sample_file(function);
    event.parent().expect("a domain").join("answers").join(format!("{function}.json"))
}

/// What two runs have in common: ids and times that are new each time become fixed ones, the same for the same.
fn steady(value: Value, name: &str, ids: &mut BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name.clone(), steady(member, &name, ids)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(|item| steady(item, name, ids)).collect(),
        Value::String(text) => {
            if let Some((_, secret)) = SECRETS.iter().find(|(secret, _)| *secret == name) {
                return json!(secret);
            }
            if uuid::Uuid::parse_str(&text).is_ok() {
                if SEEDED.iter().any(|seeded| text.starts_with(seeded)) {
                    return json!(text);
                }
                let next = ids.len() + 1;
                let known = ids.entry(text).or_insert_with(|| format!("01a1fdd9-e147-7000-8000-{next:012}"));
                return json!(known);
            }
            if text.parse::<jiff::Timestamp>().is_ok() {
                return json!("2026-11-16T09:00:00Z");
            }
            // A Monday, as every day that begins a week.
            if text.parse::<jiff::civil::Date>().is_ok() {
                return json!("2026-11-16");
            }
            json!(text)
        }
        // Numbers of a run: durations, counts.
        Value::Number(number) if number.is_f64() => json!(12.5),
        Value::Number(_) if name == "nbf" => json!(1_795_000_000),
        other => other,
    }
}

/// Whether both have the same names and types. What depends on the day of the run says nothing: an empty list, null.
fn agree(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Null, _) | (_, Value::Null) => true,
        (Value::Object(one), Value::Object(other)) => {
            one.keys().eq(other.keys()) && one.iter().all(|(name, member)| agree(member, &other[name]))
        }
        (Value::Array(one), Value::Array(other)) => match (one.first(), other.first()) {
            (Some(one), Some(other)) => agree(one, other),
            _ => true,
        },
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => true,
        (Value::Number(_), Value::Number(_)) => true,
        _ => false,
    }
}

#[test]
fn a_name_or_a_type_makes_the_difference() {
    let recorded = json!({ "a": [{ "b": 1, "c": null }], "d": "x" });
    assert!(agree(&recorded, &json!({ "a": [{ "b": 2, "c": "y" }, 7], "d": "z" })));
    assert!(agree(&recorded, &json!({ "a": [], "d": "z" })));
    for now in
        [json!({ "a": [] }), json!({ "a": [{ "b": "2", "c": 1 }], "d": "" }), json!({ "a": {}, "d": "" })]
    {
        assert!(!agree(&recorded, &now), "{now}");
    }
}
