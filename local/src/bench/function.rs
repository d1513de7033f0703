//! What is measured: the functions, and what kinds there are.

use std::ops::Deref;

use super::class::Class;
use crate::template::{self, Event};

/// A function of the template with its class.
pub(super) struct Function {
    pub(super) function: template::Function,
    pub(super) class: Class,
}

impl Deref for Function {
    type Target = template::Function;

    fn deref(&self) -> &template::Function {
        &self.function
    }
}

impl Function {
    /// Its name and class.
    pub(super) fn title(&self) -> String {
        format!("{} ({})", self.name, self.class.name())
    }

    /// The method of its route; `None` for a job.
    pub(super) fn method(&self) -> Option<&str> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::Api { method, .. } => Some(method.as_str()),
            _ => None,
        })
    }

    /// What its route does; `None` for a job.
    pub(super) fn kind(&self) -> Option<Kind> {
        Some(match self.method()? {
            // A browser comes and goes by GET, and leaves rows behind.
            _ if self.class == Class::Provider => Kind::SignIn,
            "GET" => Kind::Read,
            _ => Kind::Write,
        })
    }
}

/// What a route does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Write,
    SignIn,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Read, Self::Write, Self::SignIn];

    /// As it stands in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::SignIn => "sign-in",
        }
    }
}
