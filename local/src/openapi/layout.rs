//! How `openapi.json` is written: readable in a diff, so an object or a list that fits in a line has one.

use serde_json::Value;

const WIDTH: usize = 120;

/// `value` as text whose first line begins in column `column` and whose other lines are indented by `indent`.
pub(super) fn text(value: &Value, indent: usize, column: usize) -> String {
    let line = value.to_string();
    // A comma follows most values.
    if column + line.chars().count() < WIDTH {
        return spaced(value);
    }
    let inner = " ".repeat(indent + 2);
    let (open, close, lines): (_, _, Vec<String>) = match value {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let name = format!("{inner}{}: ", Value::from(name.as_str()));
                let column = name.chars().count();
                name + &text(value, indent + 2, column)
            };
            ("{", "}", members.iter().map(member).collect())
        }
        Value::Array(items) => {
            let item = |value| format!("{inner}{}", text(value, indent + 2, indent + 2));
            ("[", "]", items.iter().map(item).collect())
        }
        _ => return line,
    };
    format!("{open}\n{}\n{}{close}", lines.join(",\n"), " ".repeat(indent))
}

/// In one line, with spaces where a person expects them.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), spaced(value))
            };
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_in_a_line_has_one() {
        let value =
            json!({ "long": "x".repeat(110), "short": { "type": "string", "enum": ["a", "b"], "none": {} } });
        let wanted = format!(
            "{{\n  \"long\": \"{}\",\n  \"short\": {{ \"enum\": [\"a\", \"b\"], \"none\": {{}}, \"type\": \"string\" }}\n}}",
            "x".repeat(110)
        );
        assert_eq!(text(&value, 0, 0), wanted);
        assert_eq!(serde_json::from_str::<Value>(&text(&value, 0, 0)).unwrap(), value);
    }
}
