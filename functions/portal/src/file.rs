//! A file of the portal and its answer: whole, or "you have it" for a browser that says so.
//!
//! Every file is asked for again before it is used (`no-cache`), so that no page runs with modules of another day; what
//! has not changed costs an answer without a body.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::describe::Operation;
use shared::precondition::IfNoneMatch;
use shared::prelude::*;
use shared::reply::{Answer, Reply};

/// A file that the program carries.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// The last part of its address.
    pub name: &'static str,
    content_type: &'static str,
    bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $content_type:literal) => {
        File {
            name: $name,
            content_type: concat!($content_type, "; charset=utf-8"),
            bytes: include_bytes!(concat!("../files/", $name)),
        }
    };
}

/// The page at the API's root.
pub const LANDING: File = file!("landing.html", "text/html");

/// The portal's one page.
pub const PORTAL: File = file!("portal.html", "text/html");

/// What the two pages load.
pub const FILES: [File; 32] = [
    file!("icon.svg", "image/svg+xml"),
    file!("portal.css", "text/css"),
    file!("landing.js", "text/javascript"),
    file!("mail-links.js", "text/javascript"),
    file!("portal.js", "text/javascript"),
    file!("shell.js", "text/javascript"),
    file!("api.js", "text/javascript"),
    file!("dom.js", "text/javascript"),
    file!("words.js", "text/javascript"),
    file!("time.js", "text/javascript"),
    file!("chart.js", "text/javascript"),
    file!("money.js", "text/javascript"),
    file!("lessons.js", "text/javascript"),
    file!("lessons-student.js", "text/javascript"),
    file!("lessons-parts.js", "text/javascript"),
    file!("lessons-mine.js", "text/javascript"),
    file!("lessons-packages.js", "text/javascript"),
    file!("lessons-buy.js", "text/javascript"),
    file!("lessons-series.js", "text/javascript"),
    file!("lessons-waitlist.js", "text/javascript"),
    file!("lessons-teacher.js", "text/javascript"),
    file!("lessons-admin.js", "text/javascript"),
    file!("lessons-people.js", "text/javascript"),
    file!("lessons-windows.js", "text/javascript"),
    file!("lessons-hours.js", "text/javascript"),
    file!("lessons-days-off.js", "text/javascript"),
    file!("lessons-changes.js", "text/javascript"),
    file!("lessons-plans.js", "text/javascript"),
    file!("lessons-accounts.js", "text/javascript"),
    file!("lessons-payments.js", "text/javascript"),
    file!("lessons-overview.js", "text/javascript"),
    file!("lessons-calendar.js", "text/javascript"),
];

/// Pages to which links in mails, sign-ins elsewhere and payments lead, where the portal's address is `APP_URL`.
const PAGES: [&str; 6] = ["confirm-email", "payment", "reset-password", "restore", "sign-in", "verify-email"];

/// What a page may do: its own scripts, styles and pictures, requests to its own address, and nothing from elsewhere.
/// Nothing inline, so that no text of anybody's becomes a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The file of a path.
#[input]
pub struct FilePath {
    /// Its name, or that of a page of the portal.
    pub file: String,
}

/// What the page of a path is told.
#[input]
pub struct PageQuery {
    /// Why a sign-in elsewhere failed: a word.
    pub error: Option<String>,
    /// The payment that was made, or left.
    pub id: Option<String>,
}

/// What a name leads to: a file, or the portal, which shows the page of that name; 404 for another.
pub fn find(path: &FilePath, query: &PageQuery, known: IfNoneMatch) -> Result<Found> {
    if let Some(file) = FILES.into_iter().find(|file| file.name == path.file) {
        return Ok(Found::Part(file, known));
    }
    let page =
        PAGES.into_iter().find(|page| *page == path.file).ok_or_else(|| not_found("file not found"))?;
    let is_word = |text: &&String| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let error = query.error.as_ref().filter(is_word).map(|error| format!("&error={error}"));
    let id = query.id.as_ref().and_then(|id| id.parse::<Uuid>().ok()).map(|id| format!("&id={id}"));
    // Browsers take along what stands after the `#`: a mail's token, which is sent to nobody.
    Ok(Found::Page(format!("../portal?open={page}{}{}", error.unwrap_or_default(), id.unwrap_or_default())))
}

/// 200 with a page, or 304 for a browser that has it.
pub struct Page(pub File, pub IfNoneMatch);

/// What a name of the portal leads to.
pub enum Found {
    /// 200 with what a page loads, or 304 for a browser that has it.
    Part(File, IfNoneMatch),
    /// 302 to the portal, for a page of its.
    Page(String),
}

impl Reply for Page {
    fn answer(self) -> Result<Answer> {
        self.0.answer(&self.1)
    }

    fn describe(operation: &mut Operation) {
        operation.reply_as(200, "Successful", "text/html", None);
        operation.reply_without_body(304, "The caller has it");
    }
}

impl Reply for Found {
    fn answer(self) -> Result<Answer> {
        match self {
            Found::Part(file, known) => file.answer(&known),
            Found::Page(address) => Redirect(address).answer(),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.reply_as(200, "A script, a style or a picture", "text/javascript", None);
        Redirect::describe(operation);
        operation.reply_without_body(304, "The caller has it");
    }
}

impl File {
    fn answer(&self, known: &IfNoneMatch) -> Result<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        // Addresses of pages here may carry a mail's secret.
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        known.fresh(Answer { status: StatusCode::OK, headers, body: Bytes::from_static(self.bytes) })
    }
}
