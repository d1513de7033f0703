//! The messages of a conversation.

use std::fmt;

use serde::Serialize;

use crate::ai::ToolCall;

/// One message of a conversation.
#[derive(Clone)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said; a person's text stands in it [`quoted`](crate::ai::quoted).
    pub content: String,
    /// What the model asked to call with it.
    pub tool_calls: Vec<ToolCall>,
    /// Of a tool's result: the id of the call that it answers.
    pub tool_call_id: Option<String>,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The product: rules of the conversation.
    System,
    /// The person.
    User,
    /// The model, earlier.
    Assistant,
    /// A tool that the model called.
    Tool,
}

impl Message {
    /// A message of the system.
    pub fn system(content: impl Into<String>) -> Message {
        Message::of(Role::System, content.into())
    }

    /// A message of the person.
    pub fn user(content: impl Into<String>) -> Message {
        Message::of(Role::User, content.into())
    }

    /// An earlier message of the model.
    pub fn assistant(content: impl Into<String>) -> Message {
        Message::of(Role::Assistant, content.into())
    }

    /// An earlier message of the model in which it called tools, with the text beside the calls, which may be blank.
    /// One [`Message::tool`] for each call comes after it.
    pub fn calling(content: impl Into<String>, tool_calls: Vec<ToolCall>) -> Message {
        Message { tool_calls, ..Message::of(Role::Assistant, content.into()) }
    }

    /// The result of the call with this id, or why there is none.
    pub fn tool(call_id: impl Into<String>, result: impl Into<String>) -> Message {
        Message { tool_call_id: Some(call_id.into()), ..Message::of(Role::Tool, result.into()) }
    }

    fn of(role: Role, content: String) -> Message {
        Message { role, content, tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// Never what was said.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("role", &self.role).finish_non_exhaustive()
    }
}
