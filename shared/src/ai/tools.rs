//! What a model may call, and what it does call.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ai::{ModelErrorKind, structured, wire};

/// More calls in one answer are no answer.
const MAX_CALLS: usize = 16;
/// The longest arguments of one call, in bytes.
const MAX_ARGUMENTS: usize = 32 * 1024;
/// The longest name of a tool, and the longest id of a call, in bytes.
const MAX_NAME: usize = 128;

/// A function that a model may ask to be called.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// When to call it and what it gives, for the model.
    pub description: String,
    /// The JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// Whether a model may call the tools of a [`crate::ai::Chat`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must answer: for the last round, whose messages still speak of the tools.
    Never,
}

/// What a model asks to be called. It is a wish: name and arguments are the model's words.
#[derive(Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// By which the result says what it answers; unlike that of any other call of the answer. Made here where the
    /// provider gives none.
    pub id: String,
    /// Of the tool, if the model has kept to those there are.
    pub name: String,
    /// JSON, if the model has kept to it; `{}` where it gave nothing.
    pub arguments: String,
}

impl Tool {
    /// A tool whose arguments are a `T`.
    pub fn of<T: JsonSchema>(name: impl Into<String>, description: impl Into<String>) -> Tool {
        Tool { name: name.into(), description: description.into(), parameters: structured::schema::<T>() }
    }

    pub(super) fn to_json(&self) -> Value {
        let function =
            json!({ "name": self.name, "description": self.description, "parameters": self.parameters });
        json!({ "type": "function", "function": function })
    }
}

impl ToolCall {
    /// The arguments as a `T`, without control characters; the error says what is wrong with them, in words that may
    /// quote them.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        structured::parse(&self.arguments)
    }

    pub(super) fn to_json(&self) -> Value {
        let function = json!({ "name": self.name, "arguments": self.arguments });
        json!({ "id": self.id, "type": "function", "function": function })
    }
}

/// Never the arguments.
impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The calls of one answer as they come.
#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

/// A call that may still be written.
#[derive(Default)]
struct Call {
    /// Blank until one is given.
    id: String,
    index: Option<u64>,
    name: String,
    arguments: String,
}

impl Calls {
    /// The calls of a whole answer.
    pub(super) fn of(list: &Value) -> Result<Calls, ModelErrorKind> {
        let mut calls = Calls::default();
        for call in list.as_array().into_iter().flatten() {
            calls.0.push(Call::default());
            calls.extend(calls.0.len() - 1, call)?;
        }
        Ok(calls)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a fragment of a streamed call.
    pub(super) fn push(&mut self, fragment: &Value) -> Result<(), ModelErrorKind> {
        let place = self.place(fragment).unwrap_or(self.0.len());
        if place == self.0.len() {
            self.0.push(Call::default());
        }
        self.extend(place, fragment)
    }

    /// The call that a fragment continues: by its id; else by its index; else the last one. Providers leave out
    /// either, send blank ids after the first fragment, a new id with each, or the same index for all calls. `None`:
    /// it begins a call.
    fn place(&self, fragment: &Value) -> Option<usize> {
        let id = fragment["id"].as_str().unwrap_or_default();
        let index = fragment["index"].as_u64();
        let name = fragment["function"]["name"].as_str().unwrap_or_default();
        if !id.is_empty()
            && let Some(known) = self.0.iter().position(|call| call.id == id)
        {
            return Some(known);
        }
        let same_index = index.and_then(|_| self.0.iter().rposition(|call| call.index == index));
        let place = match same_index {
            Some(place) => place,
            // A new id begins a call where there is an index or a name too; a new index where there is a name.
            None if !id.is_empty() && (index.is_some() || !name.is_empty()) => return None,
            None if index.is_some() && !name.is_empty() => return None,
            None if !id.is_empty() && self.0.last()?.is_whole() => return None,
            None => self.0.len().checked_sub(1)?,
        };
        let call = &self.0[place];
        let is_others = !id.is_empty() && !call.id.is_empty() && !name.is_empty();
        (!is_others && call.is_continued_by(name)).then_some(place)
    }

    fn extend(&mut self, place: usize, fragment: &Value) -> Result<(), ModelErrorKind> {
        let call = &mut self.0[place];
        let function = &fragment["function"];
        call.index = call.index.or(fragment["index"].as_u64());
        if call.id.is_empty() {
            wire::clean(fragment["id"].as_str().unwrap_or_default()).clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            wire::clean(function["name"].as_str().unwrap_or_default()).clone_into(&mut call.name);
        }
        match &function["arguments"] {
            Value::Null => {}
            Value::String(arguments) => call.arguments.push_str(&wire::clean(arguments)),
            // Some give the value itself.
            arguments => call.arguments.push_str(&arguments.to_string()),
        }
        let is_too_long =
            call.arguments.len() > MAX_ARGUMENTS || call.name.len() > MAX_NAME || call.id.len() > MAX_NAME;
        if is_too_long || self.0.len() > MAX_CALLS { Err(ModelErrorKind::Malformed) } else { Ok(()) }
    }

    /// The calls with ids of their own; what has no name is none.
    pub(super) fn finish(self) -> Vec<ToolCall> {
        let mut calls: Vec<ToolCall> = Vec::with_capacity(self.0.len());
        for Call { mut id, name, mut arguments, .. } in self.0 {
            if name.is_empty() {
                continue;
            }
            if id.is_empty() || calls.iter().any(|call| call.id == id) {
                // Mistral takes ids of exactly nine letters and digits.
                id = Uuid::new_v4().simple().to_string().split_off(23);
            }
            if arguments.trim().is_empty() {
                "{}".clone_into(&mut arguments);
            }
            calls.push(ToolCall { id, name, arguments });
        }
        calls
    }
}

impl Call {
    /// Whether a fragment with this name can belong to it. The same name may be repeated, until the arguments are
    /// whole.
    fn is_continued_by(&self, name: &str) -> bool {
        name.is_empty() || self.name.is_empty() || (self.name == name && !self.is_whole())
    }

    fn is_whole(&self) -> bool {
        serde_json::from_str::<IgnoredAny>(&self.arguments).is_ok()
    }
}
