//! A mail's words in one language. Each language is one file beside this one, and a missing text does not compile;
//! `composition` chooses among them.

/// What a mail says. Nothing in it is escaped yet.
pub(super) struct Words {
    pub(super) subject: String,
    /// What an inbox shows after the subject.
    pub(super) preview: String,
    /// In their order; an empty one is none.
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
