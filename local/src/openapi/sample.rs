//! The examples in a function's sample event.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// A call of the route as API Gateway hands it over.
#[derive(Debug, Default)]
pub(super) struct Sample(Value);

impl Sample {
    /// The event in `file`; without the file there are no examples, and `cargo local check` says that it is missing.
    pub(super) fn read(file: &Path) -> Result<Sample> {
        if !file.is_file() {
            return Ok(Sample::default());
        }
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let event = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
        Ok(Sample(event))
    }

    /// The JSON body.
    pub(super) fn body(&self) -> Option<Value> {
        serde_json::from_str(self.0.get("body")?.as_str()?).ok()
    }

    /// The value of a path or query parameter, as its schema's type.
    pub(super) fn parameter(&self, place: &str, name: &str, schema: &Value) -> Option<Value> {
        let member = match place {
            "path" => "pathParameters",
            "query" => "queryStringParameters",
            _ => return None,
        };
        let text = self.0.get(member)?.get(name)?.as_str()?;
        match schema["type"].as_str() {
            Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
            _ => Some(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn examples_have_their_schema_s_type() {
        let sample = Sample(json!({
            "body": "{\"title\":\"x\"}", "pathParameters": { "id": "7" }, "queryStringParameters": { "limit": "7" },
        }));
        assert_eq!(sample.body(), Some(json!({ "title": "x" })));
        assert_eq!(sample.parameter("path", "id", &json!({ "type": "string" })), Some(json!("7")));
        assert_eq!(sample.parameter("query", "limit", &json!({ "type": "integer" })), Some(json!(7)));
        assert_eq!(sample.parameter("query", "offset", &json!({})), None);
        let bare = Sample(json!({ "body": null, "queryStringParameters": null }));
        assert_eq!(bare.body(), None);
        assert_eq!(bare.parameter("query", "limit", &json!({})), None);
    }
}
