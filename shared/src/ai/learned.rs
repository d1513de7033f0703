//! What a provider's model has turned out not to take, remembered as long as the sandbox lives.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

/// The parameters of ours that a request can do without.
pub(super) const OPTIONAL: [&str; 8] = [
    "encoding_format",
    MAX_COMPLETION_TOKENS,
    MAX_TOKENS,
    "parallel_tool_calls",
    RESPONSE_FORMAT,
    "stream_options",
    "temperature",
    TOOL_CHOICE,
];
pub(super) const MAX_TOKENS: &str = "max_tokens";
pub(super) const MAX_COMPLETION_TOKENS: &str = "max_completion_tokens";
pub(super) const RESPONSE_FORMAT: &str = "response_format";
pub(super) const TOOL_CHOICE: &str = "tool_choice";
/// Not a parameter, but half of one: a `response_format` that is a schema.
pub(super) const JSON_SCHEMA: &str = "json_schema";

/// What one model at one address does not take. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Learned(Arc<Inner>);

#[derive(Default)]
struct Inner {
    left_out: Mutex<Vec<&'static str>>,
    begins_in_reasoning: AtomicBool,
}

/// By address and model.
static ALL: Mutex<BTreeMap<(String, String), Learned>> = Mutex::new(BTreeMap::new());

impl Learned {
    /// What is known of this model at this address, `preset` added.
    pub(super) fn of(base_url: &str, model: &str, preset: &[&'static str]) -> Learned {
        let key = (base_url.to_owned(), model.to_owned());
        let learned = locked(&ALL).entry(key).or_default().clone();
        learned.remember(preset);
        learned
    }

    /// Remembers that these are refused.
    pub(super) fn remember(&self, names: &[&'static str]) {
        let mut left_out = locked(&self.0.left_out);
        for name in names {
            if !left_out.contains(name) {
                left_out.push(name);
            }
        }
    }

    /// Takes out of a request what is known to be refused.
    pub(super) fn apply(&self, body: &mut Map<String, Value>) {
        let left_out = locked(&self.0.left_out).clone();
        // In this order: leaving out `max_tokens` makes it `max_completion_tokens`.
        let (last, first): (Vec<_>, Vec<_>) =
            left_out.into_iter().partition(|name| *name == MAX_COMPLETION_TOKENS);
        for name in first.into_iter().chain(last) {
            leave_out(body, name);
        }
    }

    /// Whether answers begin inside of the reasoning, because the prompt's template has opened it already.
    pub(super) fn begins_in_reasoning(&self) -> bool {
        self.0.begins_in_reasoning.load(Ordering::Relaxed)
    }

    pub(super) fn set_begins_in_reasoning(&self, begins: bool) {
        self.0.begins_in_reasoning.store(begins, Ordering::Relaxed);
    }
}

/// Takes a parameter out of a request, or puts the next best in its place. False if it is not there.
pub(super) fn leave_out(body: &mut Map<String, Value>, name: &str) -> bool {
    match name {
        MAX_TOKENS => match body.remove(MAX_TOKENS) {
            Some(limit) => body.insert(MAX_COMPLETION_TOKENS.to_owned(), limit).is_none(),
            None => false,
        },
        JSON_SCHEMA => tell_schema(body),
        RESPONSE_FORMAT => {
            tell_schema(body);
            body.remove(RESPONSE_FORMAT).is_some()
        }
        // Without the word that forbids it there must be nothing to call.
        TOOL_CHOICE => {
            let choice = body.remove(TOOL_CHOICE);
            if choice.as_ref().is_some_and(|choice| choice == "none") {
                body.remove("tools");
            }
            choice.is_some()
        }
        name => body.remove(name).is_some(),
    }
}

/// Puts the schema of a `response_format` into the prompt, and asks for any JSON object. False if there is no schema.
fn tell_schema(body: &mut Map<String, Value>) -> bool {
    let Some(format) = body.get_mut(RESPONSE_FORMAT) else { return false };
    let Some(schema) = format.pointer_mut("/json_schema/schema").map(Value::take) else { return false };
    *format = json!({ "type": "json_object" });
    let rule = format!(
        "Answer with one JSON value and nothing else, without a code fence. It matches this JSON schema:\n{schema}"
    );
    if let Some(messages) = body.get_mut("messages").and_then(Value::as_array_mut) {
        match messages.first_mut() {
            Some(first) if first["role"] == "system" => {
                let content = first["content"].as_str().unwrap_or_default();
                first["content"] = format!("{content}\n\n{rule}").into();
            }
            _ => messages.insert(0, json!({ "role": "system", "content": rule })),
        }
    }
    true
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
