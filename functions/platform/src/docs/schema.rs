//! JSON Schema in words.

use std::fmt::Write;

use serde_json::Value;

use super::html::{code, escaped, paragraphs, sentence, table_head};
use super::{list, members, text};

/// A named schema: what it is for, then its fields or what it may be.
pub(super) fn body(schema: &Value) -> String {
    let about = paragraphs(text(&schema["description"]));
    if schema["properties"].is_object() {
        return about + &fields(schema);
    }
    let alternatives: Vec<&Value> = list(&schema["oneOf"]).collect();
    if !alternatives.is_empty() && alternatives.iter().all(|one| one.get("const").is_some()) {
        let mut html = about + "<dl>\n";
        for one in alternatives {
            let value = text(&one["const"]);
            // A description that only repeats the value says nothing.
            let lines = text(&one["description"]).lines().filter(|line| *line != value);
            let meaning = sentence(lines.collect::<Vec<_>>().join(" ").trim());
            let _ = writeln!(html, "<dt>{}</dt><dd>{meaning}</dd>", code(value));
        }
        return html + "</dl>\n";
    }
    format!("{about}<p>{}</p>\n", with_limits(schema))
}

/// The table of an object's fields; nothing for anything else.
pub(super) fn fields(schema: &Value) -> String {
    if members(&schema["properties"]).next().is_none() {
        return String::new();
    }
    let mut html = table_head(["Field", "Type", "Meaning"]);
    for (name, field) in members(&schema["properties"]) {
        let is_required = list(&schema["required"]).any(|required| required == name);
        let _ = writeln!(
            html,
            "<tr><td>{}{}</td><td>{}</td><td>{}</td></tr>",
            code(name),
            if is_required { "" } else { " <small>may be absent</small>" },
            with_limits(field),
            sentence(text(&field["description"])),
        );
    }
    html + "</tbody>\n</table>\n"
}

/// The type and its limits.
pub(super) fn with_limits(schema: &Value) -> String {
    let limits = limits(schema);
    if limits.is_empty() {
        kind(schema)
    } else {
        format!("{} <small>{}</small>", kind(schema), limits.join(", "))
    }
}

/// The type: a link for a named one.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    if let Some(value) = schema.get("const") {
        return code(&plain(value));
    }
    let any = |alternatives: Vec<String>| alternatives.join(" or ");
    for member in ["anyOf", "oneOf", "allOf"] {
        if schema[member].is_array() {
            return any(list(&schema[member]).map(kind).collect());
        }
    }
    if schema["enum"].is_array() {
        return any(list(&schema["enum"]).map(|value| code(&plain(value))).collect());
    }
    match &schema["type"] {
        Value::Array(names) => any(names.iter().map(|name| of_type(schema, text(name))).collect()),
        name => of_type(schema, text(name)),
    }
}

fn of_type(schema: &Value, name: &str) -> String {
    match name {
        "" => "anything".to_owned(),
        "array" => format!("list of {}", with_limits(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {}", kind(&schema["additionalProperties"]))
        }
        "string" => match schema["format"].as_str() {
            Some(format) => format!("string ({})", escaped(format)),
            None => "string".to_owned(),
        },
        name => escaped(name),
    }
}

fn limits(schema: &Value) -> Vec<String> {
    let number = |member: &str| schema.get(member).filter(|value| value.is_number()).map(plain);
    let mut limits = Vec::new();
    let ranges = [
        ("minLength", "maxLength", " characters"),
        ("minimum", "maximum", ""),
        ("minItems", "maxItems", " items"),
    ];
    for (least, most, unit) in ranges {
        match (number(least), number(most)) {
            (Some(least), Some(most)) => limits.push(format!("{least} to {most}{unit}")),
            (Some(least), None) => limits.push(format!("at least {least}{unit}")),
            (None, Some(most)) => limits.push(format!("at most {most}{unit}")),
            (None, None) => {}
        }
    }
    if let Some(value) = schema.get("default").filter(|value| !value.is_null()) {
        limits.push(format!("default {}", code(&plain(value))));
    }
    limits
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_and_limits_are_words() {
        let words = |schema: Value| with_limits(&schema);
        assert_eq!(words(json!({ "type": ["string", "null"], "format": "date" })), "string (date) or null");
        let page = json!({ "type": "integer", "minimum": 1, "maximum": 50, "default": 10 });
        assert_eq!(words(page), "integer <small>1 to 50, default <code>10</code></small>");
        let points =
            json!({ "type": "array", "maxItems": 5, "items": { "type": "string", "maxLength": 80 } });
        assert_eq!(
            words(points),
            "list of string <small>at most 80 characters</small> <small>at most 5 items</small>"
        );
        let optional = json!({ "anyOf": [{ "$ref": "#/components/schemas/A" }, { "type": "null" }] });
        assert_eq!(words(optional), "<a href=\"#schema-A\">A</a> or null");
        let counts = json!({ "type": "object", "additionalProperties": { "type": "integer" } });
        assert_eq!(words(counts), "object of integer");
        assert_eq!(words(json!({})), "anything");
    }

    #[test]
    fn the_values_of_an_enumeration_are_listed() {
        let states = json!({ "oneOf": [
            { "const": "A", "description": "A" },
            { "const": "B", "description": "B\nThe second." },
        ] });
        assert_eq!(
            body(&states),
            "<dl>\n<dt><code>A</code></dt><dd></dd>\n<dt><code>B</code></dt><dd>The second.</dd>\n</dl>\n"
        );
    }
}
