//! Which of our parameters a provider refuses, from the error that it answers with.
//!
//! Seen: `{"error": {"param": "temperature", "code": "unsupported_value", …}}` (OpenAI), `Unrecognized request
//! argument supplied: stream_options` without a `param` (Azure), a list of `loc`s, sometimes as JSON in a string
//! (Mistral), `error` as a bare string (xAI), another provider's error as JSON in `metadata.raw` (OpenRouter),
//! `json_validate_failed` and `tool_use_failed` with the `failed_generation` (Groq).

use serde_json::{Map, Value};

use crate::ai::learned::{JSON_SCHEMA, MAX_COMPLETION_TOKENS, MAX_TOKENS, OPTIONAL, RESPONSE_FORMAT};

/// In the place of a parameter: the model failed to call a tool.
pub(super) const SPOILT_CALL: &str = "tools";

/// How many bytes there may be from a parameter's name to the word that refuses it.
const NEAR: usize = 48;
/// How much of one text is looked at.
const MAX_TEXT: usize = 4000;
/// How deep errors stand in each other.
const MAX_DEPTH: u32 = 8;

/// What refuses, in lower case.
const REFUSALS: [&str; 22] = [
    "unsupported",
    "not support",
    "n't support",
    "not_support",
    "unrecognized",
    "unrecognised",
    "unknown",
    "unexpected",
    "not permitted",
    "not allowed",
    "not available",
    "unavailable",
    "not implemented",
    "not valid",
    "forbidden",
    "extra input",
    "extra field",
    "deprecated",
    "cannot be",
    "incompatible",
    "leave it unset",
    "不支持",
];
/// How an answer's format is called. An error that speaks of it is about it: a request has one or none.
const FORMAT_NAMES: [&str; 8] = [
    RESPONSE_FORMAT,
    JSON_SCHEMA,
    "json_object",
    "response format",
    "structured output",
    "structured outputs",
    "schema",
    "grammar",
];
/// With which a length is too long or too short, and no reason to do without a limit.
const RANGES: [&str; 11] = [
    "too large",
    "too small",
    "at most",
    "at least",
    "maximum",
    "minimum",
    "above_max",
    "below_min",
    "exceed",
    "less than",
    "greater than",
];

/// The parameters of the request that this error refuses, each as what [`super::learned::leave_out`] takes, or
/// [`SPOILT_CALL`].
///
/// What says where the fault is (`param`, `loc`) counts before the text. A name in the text must be a word near one
/// that refuses, and must not stand anywhere in what we sent: a provider may quote the prompt in its error.
pub(super) fn refused(error: &Value, body: &Map<String, Value>) -> Vec<&'static str> {
    let mut told = Told::default();
    told.collect(error, 0);
    if told.generation_failed {
        let step = body.contains_key(RESPONSE_FORMAT).then(|| format_step(body));
        return step.or(body.contains_key("tools").then_some(SPOILT_CALL)).into_iter().collect();
    }
    let places: Vec<&str> = told.places.iter().filter_map(|place| place_of(place, body)).collect();
    let mut names: Vec<&'static str> = OPTIONAL.into_iter().filter(|name| body.contains_key(*name)).collect();
    if places.is_empty() {
        let ours = ours(body);
        names.retain(|name| told.texts.iter().any(|text| is_refused(text, name, &ours)));
    } else {
        names.retain(|name| places.contains(name));
        // A length that is too long is the caller's mistake.
        let is_out_of_range = told.says(&RANGES) && !told.says(&REFUSALS);
        names.retain(|name| !(is_out_of_range && [MAX_TOKENS, MAX_COMPLETION_TOKENS].contains(name)));
    }
    for name in &mut names {
        if *name == RESPONSE_FORMAT {
            *name = format_step(body);
        }
    }
    names
}

/// The next step down from a format: from a schema to any object, from that to none.
fn format_step(body: &Map<String, Value>) -> &'static str {
    if body[RESPONSE_FORMAT]["type"] == JSON_SCHEMA { JSON_SCHEMA } else { RESPONSE_FORMAT }
}

/// What an error says, in all its shapes.
#[derive(Default)]
struct Told {
    /// Each `param` and `loc`, as its parts.
    places: Vec<Vec<String>>,
    /// Texts and codes in lower case.
    texts: Vec<String>,
    generation_failed: bool,
}

impl Told {
    fn collect(&mut self, value: &Value, depth: u32) {
        if depth > MAX_DEPTH {
            return;
        }
        match value {
            Value::String(text) => {
                let text = text.trim();
                match serde_json::from_str::<Value>(text) {
                    Ok(inner) if inner.is_object() || inner.is_array() => self.collect(&inner, depth + 1),
                    _ => {
                        self.texts.push(text.chars().take(MAX_TEXT).collect::<String>().to_ascii_lowercase())
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.collect(item, depth + 1)),
            Value::Object(fields) => {
                for (name, field) in fields {
                    self.collect_field(name, field, depth);
                }
            }
            _ => {}
        }
    }

    fn collect_field(&mut self, name: &str, field: &Value, depth: u32) {
        match (name, field) {
            // What was sent, given back.
            ("input" | "messages" | "prompt" | "body" | "request" | "ctx" | "url", _) => {}
            ("failed_generation", _) => self.generation_failed = true,
            ("param", Value::String(place)) => {
                let parts = place.split(['.', '[', ']', '/']).filter(|part| !part.is_empty());
                self.places.push(parts.map(str::to_owned).collect());
            }
            ("loc", Value::Array(parts)) => {
                self.places.push(parts.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            }
            ("code", Value::String(code)) if code == "json_validate_failed" || code == "tool_use_failed" => {
                self.generation_failed = true;
            }
            (_, field) => self.collect(field, depth + 1),
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        self.texts.iter().any(|text| words.iter().any(|word| text.contains(word)))
    }
}

/// The top of the request that a place lies in; `None` if it names nothing that we sent.
fn place_of<'a>(place: &'a [String], body: &Map<String, Value>) -> Option<&'a str> {
    place.iter().map(String::as_str).find(|part| body.contains_key(*part))
}

/// Everything that we sent but the parameters' names, in lower case.
fn ours(body: &Map<String, Value>) -> String {
    let said = ["messages", "input", "tools"].into_iter().filter_map(|name| body.get(name));
    said.map(|value| value.to_string().to_ascii_lowercase()).collect()
}

fn is_refused(text: &str, name: &str, ours: &str) -> bool {
    if name == RESPONSE_FORMAT {
        return FORMAT_NAMES.iter().any(|name| !ours.contains(name) && words(text, name).next().is_some());
    }
    !ours.contains(name)
        && words(text, name).any(|at| {
            let is_near = |there: usize| there.abs_diff(at) <= NEAR + name.len();
            REFUSALS.iter().any(|refusal| text.match_indices(refusal).any(|(there, _)| is_near(there)))
        })
}

/// Where a name stands as a word.
fn words<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(name).map(|(at, _)| at).filter(move |at| is_word(text, *at, name.len()))
}

/// Whether no letter, digit or underscore touches it.
fn is_word(text: &str, at: usize, length: usize) -> bool {
    let is_free = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let bytes = text.as_bytes();
    is_free(at.checked_sub(1).and_then(|before| bytes.get(before))) && is_free(bytes.get(at + length))
}
