//! Answers that are values: the model is given a JSON schema and held to it.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::ai::attempts::Spending;
use crate::ai::server::Request;
use crate::ai::wire::{self, Answer};
use crate::ai::{Chat, Message, Model, ModelError, ModelErrorKind, Usage};

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
    /// the deadline is over both questions. The chat's tools are not offered.
    ///
    /// The schema is a part of the request. Where the provider refuses that, or makes no JSON of it, any JSON object
    /// is asked for and the schema stands in the prompt; where it refuses that too, the prompt is all. Which of these
    /// it takes is remembered.
    ///
    /// An answer that was cut at [`Chat::max_tokens`] and is no `T` is [`ModelErrorKind::Truncated`] at once: with
    /// the same length a second one would be cut too, at the price of two.
    pub async fn structured<T: DeserializeOwned + JsonSchema>(
        &self,
        chat: &Chat,
    ) -> Result<Structured<T>, ModelError> {
        let mut spending = Spending::new(&self.chat_model, chat.time(self.deadline));
        let (name, schema) = (T::schema_name(), schema::<T>());
        let mut chat = Chat { tools: Vec::new(), ..chat.clone() };
        let answer = self.constrained(&chat, &name, &schema, &mut spending).await?;
        let (text, wrong) = match self.value(&answer, &spending)? {
            Ok(value) => return Ok(Structured { value, usage: spending.usage() }),
            Err(wrong) => wrong,
        };
        chat.messages.push(Message::assistant(text));
        chat.messages.push(Message::user(format!(
            "That answer does not match the JSON schema: {wrong}. Answer again, with the JSON value alone."
        )));
        let answer = self.constrained(&chat, &name, &schema, &mut spending).await?;
        let value = self.value(&answer, &spending)?;
        let value = spending.outcome(value.map_err(|_| ModelErrorKind::Malformed))?;
        Ok(Structured { value, usage: spending.usage() })
    }

    /// The value of an answer; else its text, and what is wrong with it. An error where it is vain to tell the model.
    fn value<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        spending: &Spending,
    ) -> Result<Result<T, (String, serde_json::Error)>, ModelError> {
        // As it came: a value may say `</think>` in one of its texts.
        if let Ok(value) = parse(&answer.text) {
            return Ok(Ok(value));
        }
        let text = answer.shown(&self.server.learned);
        match parse(&text) {
            Ok(value) => Ok(Ok(value)),
            Err(_) if answer.is_cut || text.trim().is_empty() => {
                Err(spending.error(ModelErrorKind::nothing(answer.is_cut)))
            }
            Err(wrong) => Ok(Err((text, wrong))),
        }
    }

    async fn constrained(
        &self,
        chat: &Chat,
        name: &str,
        schema: &Value,
        spending: &mut Spending,
    ) -> Result<Answer, ModelError> {
        let mut body = wire::chat_body(&self.chat_model, chat);
        let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect();
        let format = json!({
            "type": "json_schema",
            "json_schema": { "name": name, "strict": true, "schema": schema },
        });
        body.insert("response_format".to_owned(), format);
        let mut request = Request::new(&self.server, body);
        let answer =
            self.server.post("/chat/completions", &mut request, wire::MAX_ANSWER_BYTES, spending).await?;
        spending.count(wire::tokens(&answer["usage"]));
        spending.outcome(wire::answer(&answer))
    }
}

/// The value of an answer; models that know no schemas like to fence their JSON.
pub(super) fn parse<T: DeserializeOwned>(answer: &str) -> Result<T, serde_json::Error> {
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
pub(super) fn schema<T: JsonSchema>() -> Value {
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
