//! The mails of the local stack: files that `send-mail` writes into `MAIL_DIRECTORY`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders};

use crate::project;

/// Where `cargo local` keeps them.
pub fn folder() -> PathBuf {
    project::root().join(".local/mail")
}

/// Removes what `cargo local` has kept so far.
///
/// # Errors
/// When the folder is there and cannot be removed.
pub fn clear() -> io::Result<()> {
    match fs::remove_dir_all(folder()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A mail, decoded.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The file's name without `.eml`: the outbox's dedup key. Blank for a mail that is no file.
    pub name: String,
    /// When the file was written.
    pub written: SystemTime,
    /// The receivers' addresses, separated by commas.
    pub to: String,
    /// The sender with its name.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// The part in plain text.
    pub text: String,
    /// The part in HTML.
    pub html: String,
    /// The part for calendars, unfolded; blank without one.
    pub calendar: String,
    /// All headers as they stand in the mail, with their names.
    pub headers: Vec<(String, String)>,
}

impl Mail {
    /// Decodes a mail; `None` when it is none.
    pub fn parse(name: &str, written: SystemTime, raw: &[u8]) -> Option<Self> {
        let mail = MessageParser::default().parse(raw)?;
        let part = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or_default().into_owned();
        let headers = mail.headers_raw().map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Self {
            name: name.to_owned(),
            written,
            to: addresses(mail.to()),
            from: mail.from().and_then(Address::first).map_or_else(String::new, |from| {
                let address = from.address().unwrap_or_default();
                from.name().map_or_else(|| address.to_owned(), |name| format!("{name} <{address}>"))
            }),
            subject: mail.subject().unwrap_or_default().to_owned(),
            text: part(mail.body_text(0)),
            html: part(mail.body_html(0)),
            calendar: calendar(&mail),
            headers: headers.collect(),
        })
    }

    /// A header as it stands in the mail; its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The first web address in the plain text: where the button leads.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self) -> &str {
        let mut words = self.text.split_whitespace();
        let link = words.find(|word| word.starts_with("http://") || word.starts_with("https://"));
        link.unwrap_or_else(|| panic!("no link in the mail {:?}", self.subject))
    }
}

fn calendar(mail: &Message<'_>) -> String {
    let is_calendar = |part: &&MessagePart<'_>| {
        part.content_type().is_some_and(|kind| {
            kind.ctype() == "text" && kind.subtype().is_some_and(|subtype| subtype == "calendar")
        })
    };
    let part = mail.parts.iter().find(is_calendar).and_then(MessagePart::text_contents);
    part.unwrap_or_default().replace("\r\n ", "").replace("\n ", "")
}

fn addresses(list: Option<&Address<'_>>) -> String {
    let all = list.into_iter().flat_map(Address::iter).filter_map(|address| address.address());
    all.collect::<Vec<_>>().join(", ")
}

/// The mails of a folder, newest first. One that does not exist is empty.
///
/// # Errors
/// When the folder or a file cannot be read.
pub fn read(folder: &Path) -> io::Result<Vec<Mail>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut mails = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".eml")) else {
            continue;
        };
        let (raw, written) = (fs::read(&path)?, fs::metadata(&path)?.modified()?);
        mails.extend(Mail::parse(name, written, &raw));
    }
    mails.sort_by(|one, other| (other.written, &other.name).cmp(&(one.written, &one.name)));
    Ok(mails)
}
