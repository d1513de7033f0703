//! How a source file opens: the sentence that becomes an operation's summary.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::problem::problem;

/// The `//!` lines at the head of a file.
#[derive(Debug, PartialEq)]
pub(super) struct Doc {
    /// The first sentence, without its full stop.
    pub(super) summary: String,
    /// What follows it; paragraphs with a blank line between them.
    pub(super) rest: Option<String>,
}

impl Doc {
    pub(super) fn read(file: &Path) -> Result<Doc> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        Doc::parse(&text).ok_or_else(|| {
            let help = "let its first line say what it is for: `//! Create a scene.`";
            problem(format!("{} does not open with a `//!` sentence", file.display()), help)
        })
    }

    fn parse(text: &str) -> Option<Doc> {
        let lines = text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
        let mut paragraphs = vec![String::new()];
        for line in lines {
            match paragraphs.last_mut() {
                Some(last) if !line.is_empty() => {
                    if !last.is_empty() {
                        last.push(' ');
                    }
                    last.push_str(line);
                }
                _ => paragraphs.push(String::new()),
            }
        }
        paragraphs.retain(|paragraph| !paragraph.is_empty());
        let text = paragraphs.join("\n\n");
        let end = text
            .match_indices(['.', '\n'])
            .map(|(at, _)| at)
            .find(|at| text[at + 1..].chars().next().is_none_or(char::is_whitespace));
        let (summary, rest) = text.split_at(end.unwrap_or(text.len()));
        let rest = rest.trim_start_matches('.').trim();
        (!summary.is_empty())
            .then(|| Doc { summary: summary.to_owned(), rest: (!rest.is_empty()).then(|| rest.to_owned()) })
    }

    /// Everything.
    pub(super) fn whole(&self) -> String {
        match &self.rest {
            Some(rest) => format!("{}. {rest}", self.summary),
            None => format!("{}.", self.summary),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_the_summary() {
        let doc =
            Doc::parse("//! Show /openapi.json, version 3.1. It is\n//! long.\n//!\n//! And more.\nuse x;\n")
                .unwrap();
        assert_eq!(doc.summary, "Show /openapi.json, version 3.1");
        assert_eq!(doc.rest.as_deref(), Some("It is long.\n\nAnd more."));
        assert_eq!(Doc::parse("//! Create a scene.\n").unwrap().whole(), "Create a scene.");
        assert_eq!(
            Doc::parse("//! Create a scene\n//!\n//! More.").unwrap().whole(),
            "Create a scene. More."
        );
        assert_eq!(Doc::parse("use x;\n"), None);
    }
}
