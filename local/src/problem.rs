//! An error that a person can mend: what is wrong, and what to do about it.

use std::fmt;

/// A failure of the development tool, shown as `error: …` and `help: …`.
#[derive(Debug)]
pub struct Problem {
    /// What is wrong, one line without a full stop.
    pub message: String,
    /// What to do: a sentence or a command.
    pub help: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// An error with the words that mend it.
pub fn problem(message: impl Into<String>, help: impl Into<String>) -> anyhow::Error {
    Problem { message: message.into(), help: help.into() }.into()
}

/// The lines for a terminal: the whole chain of causes on the first, the help on the second.
pub fn render(error: &anyhow::Error) -> String {
    let mut text = format!("error: {}", format!("{error:#}").trim_end());
    if let Some(Problem { help, .. }) = error.downcast_ref::<Problem>() {
        text.push_str(&format!("\nhelp: {help}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn help_survives_context() {
        let error = Err::<(), _>(problem("port 3000 is taken", "use --port")).context("cannot start");
        let text = render(&error.unwrap_err());
        assert_eq!(text, "error: cannot start: port 3000 is taken\nhelp: use --port");
    }
}
