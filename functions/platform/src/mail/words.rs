//! A mail's words in one language. Each language is one file beside this one; a missing text does not compile.

use super::request::{Request, Template};
use super::{chinese, english, german};

/// What a mail says. Nothing in it is escaped yet.
pub(super) struct Words {
    pub(super) subject: String,
    /// What an inbox shows after the subject.
    pub(super) preview: String,
    pub(super) paragraphs: Vec<String>,
    /// What the button says, in mails with a link.
    pub(super) button: &'static str,
}

/// What every mail of a language says around its words.
pub(super) struct Frame {
    /// The language, BCP 47.
    pub(super) language: &'static str,
    /// Before the written-out link.
    pub(super) link_hint: &'static str,
    /// Under every mail: why it came.
    pub(super) footer: &'static str,
}

/// The words in the receiver's language, English where there is no translation.
pub(super) fn of(request: &Request) -> (Words, &'static Frame) {
    let primary = request.locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let (words, frame): (fn(&Template) -> Words, _) = match primary.as_str() {
        "de" => (german::words, &german::FRAME),
        "zh" => (chinese::words, &chinese::FRAME),
        _ => (english::words, &english::FRAME),
    };
    (words(&request.template), frame)
}
