//! Schemas as generated clients need them.

use serde_json::{Map, Value};

/// A schema, and all that it holds, in the form that generators of clients read rightly:
///
/// - An enumeration is `{"type": "string", "enum": […]}`, whatever is said of its values: a `oneOf` of constants is no
///   type for most generators, and for some an error.
/// - A field that may be left out has no `default`: generators make callers send what has one. What it is stands in
///   the description.
pub(super) fn for_clients(mut schema: Value) -> Value {
    match &mut schema {
        Value::Array(items) => {
            for item in items {
                *item = for_clients(item.take());
            }
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match (name.as_str(), &mut *member) {
                    // Names of fields, which may be called as keywords are.
                    ("properties", Value::Object(fields)) => {
                        for field in fields.values_mut() {
                            *field = without_default(for_clients(field.take()));
                        }
                    }
                    // Values, no schemas.
                    ("enum" | "const" | "default" | "example" | "examples", _) => {}
                    _ => *member = for_clients(member.take()),
                }
            }
            enumerate(members);
        }
        _ => {}
    }
    schema
}

/// A `oneOf` of texts becomes an enumeration.
fn enumerate(schema: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = schema.get("oneOf") else { return };
    let texts: Vec<Value> = alternatives
        .iter()
        .flat_map(|one| match (&one["const"], &one["enum"]) {
            (Value::String(text), _) => vec![Value::from(text.as_str())],
            (_, Value::Array(values)) if one["type"] == "string" => values.clone(),
            _ => vec![Value::Null],
        })
        .collect();
    if texts.is_empty() || texts.contains(&Value::Null) {
        return;
    }
    let meaning = |one: &Value| {
        let (text, meaning) = (one["const"].as_str()?, one["description"].as_str()?);
        Some(format!("- `{text}`: {}", meaning.replace('\n', " ")))
    };
    let mut description = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
    let meanings: Vec<String> = alternatives.iter().filter_map(meaning).collect();
    if !meanings.is_empty() {
        let gap = if description.is_empty() { "" } else { "\n\n" };
        description = format!("{description}{gap}{}", meanings.join("\n"));
    }
    schema.remove("oneOf");
    schema.insert("type".to_owned(), "string".into());
    schema.insert("enum".to_owned(), texts.into());
    if !description.is_empty() {
        schema.insert("description".to_owned(), description.into());
    }
}

fn without_default(mut field: Value) -> Value {
    let Some(members) = field.as_object_mut() else { return field };
    match members.remove("default") {
        None | Some(Value::Null) => {}
        Some(default) => {
            let said = members.get("description").and_then(Value::as_str).unwrap_or_default();
            let described = format!("{said} Absent: `{default}`.").trim().to_owned();
            members.insert("description".to_owned(), described.into());
        }
    }
    field
}

/// A parameter's schema. Text cannot be null, so that alternative of an optional one goes.
pub(super) fn without_null(mut schema: Value) -> Value {
    let is_null = |schema: &Value| schema["type"] == "null" || *schema == "null" || schema.is_null();
    for member in ["type", "anyOf", "enum"] {
        if let Some(alternatives) = schema.get_mut(member).and_then(Value::as_array_mut) {
            alternatives.retain(|alternative| !is_null(alternative));
            if let ("type" | "anyOf", [_]) = (member, alternatives.as_slice()) {
                let only = alternatives.remove(0);
                if member == "type" {
                    schema[member] = only;
                } else if let (Some(members), Value::Object(only)) = (schema.as_object_mut(), only) {
                    members.remove(member);
                    members.extend(only);
                }
            }
        }
    }
    if let Some(members) = schema.as_object_mut()
        && members.get("default").is_some_and(Value::is_null)
    {
        members.remove("default");
    }
    schema
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_enumeration_is_one_whatever_is_said_of_its_values() {
        let schema = json!({ "description": "How good.", "oneOf": [
            { "type": "string", "const": "WEAK", "description": "A\ntrace." }, { "type": "string", "const": "GOOD" },
            { "type": "string", "enum": ["BEST"] },
        ] });
        let wanted = json!({ "type": "string", "enum": ["WEAK", "GOOD", "BEST"], "description": "How good.\n\n- `WEAK`: A trace." });
        assert_eq!(for_clients(schema.clone()), wanted);
        assert_eq!(for_clients(json!({ "items": schema })), json!({ "items": wanted }));
        let other = json!({ "oneOf": [{ "type": "string", "const": "a" }, { "type": "null" }] });
        assert_eq!(for_clients(other.clone()), other);
    }

    #[test]
    fn nobody_must_send_what_has_a_default() {
        let schema = json!({ "type": "object", "properties": {
            "a": { "type": ["string", "null"], "default": null },
            "b": { "type": "array", "items": {}, "default": [], "description": "Some." },
            "default": { "type": "string" },
        } });
        let wanted = json!({ "type": "object", "properties": {
            "a": { "type": ["string", "null"] },
            "b": { "type": "array", "items": {}, "description": "Some. Absent: `[]`." },
            "default": { "type": "string" },
        } });
        assert_eq!(for_clients(schema), wanted);
    }

    #[test]
    fn a_parameter_is_never_null() {
        assert_eq!(
            without_null(json!({ "type": ["string", "null"], "default": null })),
            json!({ "type": "string" })
        );
        let optional = json!({ "anyOf": [{ "$ref": "#/x" }, { "type": "null" }], "default": null });
        assert_eq!(without_null(optional), json!({ "$ref": "#/x" }));
        let both = json!({ "anyOf": [{ "type": "boolean" }, { "enum": [0, 1] }] });
        assert_eq!(without_null(both.clone()), both);
    }
}
