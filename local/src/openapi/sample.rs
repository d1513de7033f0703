//! The examples of a function: its sample event, and the answer to it.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A call of the route as API Gateway hands it over, and what the route answered to it.
#[derive(Debug, Default)]
pub(super) struct Sample {
    event: Value,
    answer: Option<Value>,
}

impl Sample {
    /// The event `<name>.json` in the folder of its domain, and the answer in `answers/` there. Without a file there are no
    /// examples: `cargo local check` says that an event is missing, a test that an answer is.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Sample> {
        let file = format!("{name}.json");
        let event = read(&folder.join(&file))?.unwrap_or_default();
        Ok(Sample { event, answer: read(&folder.join("answers").join(&file))? })
    }

    /// The JSON answer.
    pub(super) fn answer(&self) -> Option<&Value> {
        self.answer.as_ref()
    }

    /// The JSON body.
    pub(super) fn body(&self) -> Option<Value> {
        serde_json::from_str(self.event.get("body")?.as_str()?).ok()
    }

    /// The value of a path or query parameter, as its schema's type.
    pub(super) fn parameter(&self, place: &str, name: &str, schema: &Value) -> Option<Value> {
        let member = match place {
            "path" => "pathParameters",
            "query" => "queryStringParameters",
            _ => return None,
        };
        let text = self.event.get(member)?.get(name)?.as_str()?;
        match schema["type"].as_str() {
            Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
            _ => Some(text.into()),
        }
    }
}

fn read(file: &Path) -> Result<Option<Value>> {
    if !file.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).map(Some).with_context(|| format!("{} is no JSON", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn examples_have_their_schema_s_type() {
        let event = json!({
            "body": "{\"title\":\"x\"}", "pathParameters": { "id": "7" }, "queryStringParameters": { "limit": "7" },
        });
        let sample = Sample { event, answer: None };
        assert_eq!(sample.body(), Some(json!({ "title": "x" })));
        assert_eq!(sample.parameter("path", "id", &json!({ "type": "string" })), Some(json!("7")));
        assert_eq!(sample.parameter("query", "limit", &json!({ "type": "integer" })), Some(json!(7)));
        assert_eq!(sample.parameter("query", "offset", &json!({})), None);
        let bare = Sample { event: json!({ "body": null, "queryStringParameters": null }), answer: None };
        assert_eq!(bare.body(), None);
        assert_eq!(bare.parameter("query", "limit", &json!({})), None);
    }
}
