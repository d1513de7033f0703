//! The API's JSON: what is asked, and what is read from an answer.

use serde_json::{Value, json};

use crate::ai::{Chat, MAX_ANSWER_CHARS, ModelErrorKind};

/// The largest answer to a chat, in bytes.
pub(super) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The body of a chat request.
pub(super) fn chat_body(model: &str, chat: &Chat) -> Value {
    json!({
        "model": model,
        "messages": chat.messages,
        // As written, 0.2 and not 0.20000000298: the next double is not what was meant.
        "temperature": chat.temperature.to_string().parse::<f64>().unwrap_or_default(),
        "max_tokens": chat.max_tokens,
    })
}

/// The text of a chat's answer, clean and cut to the limit.
pub(super) fn answer_text(answer: &Value) -> Result<String, ModelErrorKind> {
    let text = clean(&full_text(answer)?);
    let text: String = text.trim().chars().take(MAX_ANSWER_CHARS).collect();
    let text = text.trim_end();
    if text.is_empty() { Err(ModelErrorKind::Empty) } else { Ok(text.to_owned()) }
}

/// The text of a chat's answer as it came. No choice, or one without content, is empty; no list of choices at all
/// is malformed.
pub(super) fn full_text(answer: &Value) -> Result<String, ModelErrorKind> {
    let choices = answer["choices"].as_array().ok_or(ModelErrorKind::Malformed)?;
    let content = choices.first().map_or(&Value::Null, |choice| &choice["message"]["content"]);
    let text = text_of(content).ok_or(ModelErrorKind::Malformed)?;
    if text.trim().is_empty() { Err(ModelErrorKind::Empty) } else { Ok(text) }
}

/// A content: a string, or a list of parts whose texts are joined by a blank.
fn text_of(content: &Value) -> Option<String> {
    match content {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts =
                parts.iter().filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str());
            Some(texts.map(str::trim).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

/// Without control characters but tab and line feed: PostgreSQL's text holds no NUL, and terminals obey the others.
pub(super) fn clean(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\t' && c != '\n', "")
}

/// Tokens of the prompt and of the answer, from a `usage` object.
pub(super) fn tokens(usage: &Value) -> (Option<i32>, Option<i32>) {
    let count = |name: &str| usage[name].as_i64().and_then(|count| i32::try_from(count).ok());
    (count("prompt_tokens"), count("completion_tokens"))
}
