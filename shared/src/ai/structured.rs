//! Answers that are values: the model is given a JSON schema and held to it.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::ai::attempts::Spending;
use crate::ai::{Chat, Message, Model, ModelError, ModelErrorKind, Usage, wire};

/// A value that a model made.
#[derive(Debug, Clone)]
pub struct Structured<T> {
    /// The value.
    pub value: T,
    /// What it cost, a second question included.
    pub usage: Usage,
}

impl Model {
    /// The model's next message as a `T`. An answer that is no `T` is sent back once with what is wrong with it;
    /// the deadline is over both questions.
    pub async fn structured<T: DeserializeOwned + JsonSchema>(
        &self,
        chat: &Chat,
    ) -> Result<Structured<T>, ModelError> {
        let mut spending = Spending::new(self);
        let (name, schema) = (T::schema_name(), schema::<T>());
        let mut chat = chat.clone();
        let answer = self.constrained(&chat, &name, &schema, &mut spending).await?;
        let wrong = match parse(&answer) {
            Ok(value) => return Ok(Structured { value, usage: spending.usage() }),
            Err(wrong) => wrong,
        };
        chat.messages.push(Message::assistant(answer));
        chat.messages.push(Message::user(format!(
            "That answer does not match the JSON schema: {wrong}. Answer again, with the JSON value alone."
        )));
        let answer = self.constrained(&chat, &name, &schema, &mut spending).await?;
        let value = spending.outcome(parse(&answer).map_err(|_| ModelErrorKind::Malformed))?;
        Ok(Structured { value, usage: spending.usage() })
    }

    async fn constrained(
        &self,
        chat: &Chat,
        name: &str,
        schema: &Value,
        spending: &mut Spending,
    ) -> Result<String, ModelError> {
        let mut body = wire::chat_body(&self.chat_model, chat);
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        body["response_format"] = json!({
            "type": "json_schema",
            "json_schema": { "name": name, "strict": true, "schema": schema },
        });
        let answer = self.post("/chat/completions", &body, wire::MAX_ANSWER_BYTES, spending).await?;
        spending.count(wire::tokens(&answer["usage"]));
        spending.outcome(wire::full_text(&answer))
    }
}

/// The value of an answer; models that know no schemas like to fence their JSON.
fn parse<T: DeserializeOwned>(answer: &str) -> Result<T, serde_json::Error> {
    let answer = answer.trim();
    let fenced = answer.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let answer = fenced.map_or(answer, |fenced| fenced.strip_prefix("json").unwrap_or(fenced));
    let mut value: Value = serde_json::from_str(answer)?;
    clean(&mut value);
    serde_json::from_value(value)
}

/// Takes control characters out of every string, as from a chat's answer: JSON can spell a NUL.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = wire::clean(text),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `T`'s schema, in the part of JSON Schema that strict structured output takes.
/// Source: <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>
fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    Strict.transform(&mut schema);
    schema.into()
}

/// Objects are closed and all their properties required (an absent one is null), and numbers have no Rust formats.
struct Strict;

impl Transform for Strict {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            if let Some(names) = object.get("properties").and_then(Value::as_object) {
                let names: Vec<Value> = names.keys().map(|name| json!(name)).collect();
                object.insert("required".to_owned(), names.into());
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            let kind = object.get("type").map(Value::to_string).unwrap_or_default();
            if kind.contains("integer") || kind.contains("number") {
                object.remove("format");
            }
            object.remove("default");
        }
        transform_subschemas(self, schema);
    }
}
