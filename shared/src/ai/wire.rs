//! The API's JSON: what is asked, and what is read from an answer.

use serde_json::{Map, Value, json};

use crate::ai::learned::Learned;
use crate::ai::reasoning::{Split, Splitter};
use crate::ai::tools::Calls;
use crate::ai::{Chat, Message, ModelErrorKind, ToolCall, ToolChoice};

/// The largest answer to a chat, in bytes.
pub(super) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// A chat's whole answer.
pub(super) struct Answer {
    /// As it came.
    pub text: String,
    pub tool_calls: Vec<ToolCall>,
    /// The provider stopped at the length that was asked for.
    pub is_cut: bool,
}

/// The body of a chat request.
pub(super) fn chat_body(model: &str, chat: &Chat) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), model.into());
    body.insert("messages".to_owned(), chat.messages.iter().map(message).collect());
    // As written, 0.2 and not 0.20000000298: the next double is not what was meant.
    let temperature = chat.temperature.to_string().parse::<f64>().unwrap_or_default();
    body.insert("temperature".to_owned(), temperature.into());
    body.insert("max_tokens".to_owned(), chat.max_tokens.into());
    if !chat.tools.is_empty() {
        body.insert("tools".to_owned(), chat.tools.iter().map(|tool| tool.to_json()).collect());
        if chat.tool_choice == ToolChoice::Never {
            body.insert("tool_choice".to_owned(), "none".into());
        }
    }
    body
}

fn message(message: &Message) -> Value {
    let mut json = json!({ "role": message.role, "content": message.content });
    if !message.tool_calls.is_empty() {
        json["tool_calls"] = message.tool_calls.iter().map(ToolCall::to_json).collect();
        // Some refuse a text that is empty, and all take none beside calls.
        if message.content.trim().is_empty() {
            json["content"] = Value::Null;
        }
    }
    if let Some(id) = &message.tool_call_id {
        json["tool_call_id"] = id.as_str().into();
    }
    json
}

/// A chat's answer. No choice, or one without content, is an empty text; no list of choices at all is malformed.
pub(super) fn answer(answer: &Value) -> Result<Answer, ModelErrorKind> {
    let choices = answer["choices"].as_array().ok_or(ModelErrorKind::Malformed)?;
    let choice = choices.first().unwrap_or(&Value::Null);
    let message = &choice["message"];
    let text = text_of(&message["content"]).ok_or(ModelErrorKind::Malformed)?;
    let tool_calls = Calls::of(&message["tool_calls"])?.finish();
    Ok(Answer { text, tool_calls, is_cut: is_cut(&choice["finish_reason"]) })
}

impl Answer {
    /// The text without its reasoning and control characters. What it tells of the model's template is remembered.
    pub(super) fn shown(&self, learned: &Learned) -> String {
        let mut splitter = Splitter::new(false);
        let text = match splitter.push(&clean(&self.text)) {
            Split::Text(text) => text,
            Split::Anew(text) => {
                learned.set_begins_in_reasoning(true);
                text
            }
        };
        text + &splitter.end(self.is_cut)
    }
}

/// Whether an answer ended because its length was used up, in the words of OpenAI, Anthropic, Google and Mistral.
pub(super) fn is_cut(finish_reason: &Value) -> bool {
    let reason = finish_reason.as_str().unwrap_or_default();
    ["length", "max_tokens", "max_output_tokens", "model_length"]
        .iter()
        .any(|cut| reason.eq_ignore_ascii_case(cut))
}

/// A content: a string, or a list of parts whose texts are joined by a blank.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts = texts(parts).map(str::trim).filter(|text| !text.is_empty());
            Some(texts.collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

/// The texts of a list of parts; pictures and reasoning are parts too.
pub(super) fn texts(parts: &[Value]) -> impl Iterator<Item = &str> {
    parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str())
}

/// The error that a provider tells in an answer whose status was good; of a choice, where it is one's (OpenRouter).
pub(super) fn error(answer: &Value) -> Option<&Value> {
    [&answer["error"], &answer["choices"][0]["error"]].into_iter().find(|error| match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    })
}

/// Without control characters but tab and line feed: PostgreSQL's text holds no NUL, and terminals obey the others.
pub(super) fn clean(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\t' && c != '\n', "")
}

/// Tokens of the prompt and of the answer, from a `usage` object in the words of OpenAI or of Anthropic. A number
/// that is none, or that no model could have used, is not told.
pub(super) fn tokens(usage: &Value) -> (Option<i32>, Option<i32>) {
    let count = |names: [&str; 2]| {
        let count = names.iter().find_map(|name| usage[*name].as_u64());
        count.and_then(|count| i32::try_from(count).ok())
    };
    (count(["prompt_tokens", "input_tokens"]), count(["completion_tokens", "output_tokens"]))
}

/// Tokens of an embedding's texts; some tell only the total.
pub(super) fn embedding_tokens(usage: &Value) -> (Option<i32>, Option<i32>) {
    let total = || usage["total_tokens"].as_u64().and_then(|count| i32::try_from(count).ok());
    (tokens(usage).0.or_else(total), None)
}
