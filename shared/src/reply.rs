//! What a handler may answer, and the answer on its way to the wire.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;

use crate::cookie::Cookie;
use crate::describe::Operation;
use crate::error::{Error, Result};
use crate::input::Json;
use crate::serve::{self, Runner};
use crate::stream::Writing;

/// Status, headers and body, before `serve` adds the headers that every answer has.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers of this answer alone.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
}

/// What a handler gives to `serve`.
pub enum Replied {
    /// An answer that is whole.
    Whole(Answer),
    /// An answer that is written while it is read.
    Written(Writing),
}

/// A handler's result type.
pub trait Reply: Send {
    /// Renders the reply.
    fn answer(self) -> Result<Answer>;
    /// The same for `serve`, which also knows answers that are written while they are read.
    #[doc(hidden)]
    fn replied(self) -> Result<Replied>
    where
        Self: Sized,
    {
        self.answer().map(Replied::Whole)
    }
    /// What runs a route that replies so. Only a program whose answers are streamed carries the code for it.
    #[doc(hidden)]
    fn runner() -> Runner {
        serve::whole
    }
    /// Adds status and schema.
    fn describe(operation: &mut Operation);
}

impl Answer {
    /// `value` as JSON with `status`.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Answer> {
        Ok(Answer::of_json(status, serde_json::to_vec(value)?.into()))
    }

    /// A text that is JSON already, with `status`.
    pub(crate) fn of_json(status: StatusCode, body: Bytes) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Answer { status, headers, body }
    }

    /// The error contract, or the way to the page that stands for it.
    pub fn error(error: &Error, request_id: &str) -> Answer {
        if let Some(page) = error.page()
            && let Ok(answer) = Redirect(page.to_owned()).answer()
        {
            return answer;
        }
        let body = error.body(request_id);
        let mut answer = Answer::json(error.code().status(), &body).unwrap_or_else(|_| Answer {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        });
        if let Some(seconds) = error.retry_after_seconds() {
            answer.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// 200 with JSON.
impl<T: Serialize + JsonSchema + Send> Reply for Json<T> {
    fn answer(self) -> Result<Answer> {
        Answer::json(StatusCode::OK, &self.0)
    }

    fn describe(operation: &mut Operation) {
        operation.reply::<T>(200, "Successful");
    }
}

/// 201 with JSON.
pub struct Created<T>(pub T);

impl<T: Serialize + JsonSchema + Send> Reply for Created<T> {
    fn answer(self) -> Result<Answer> {
        Answer::json(StatusCode::CREATED, &self.0)
    }

    fn describe(operation: &mut Operation) {
        operation.reply::<T>(201, "Created");
    }
}

/// 202 with JSON: it was taken on, and happens later.
pub struct Accepted<T>(pub T);

impl<T: Serialize + JsonSchema + Send> Reply for Accepted<T> {
    fn answer(self) -> Result<Answer> {
        Answer::json(StatusCode::ACCEPTED, &self.0)
    }

    fn describe(operation: &mut Operation) {
        operation.reply::<T>(202, "Accepted");
    }
}

/// 200 with a zip archive that a browser saves under a name, which must not be a caller's to choose.
pub struct ZipDownload {
    /// The file's name, of letters, digits, `.` and `-`.
    pub filename: String,
    /// The archive.
    pub bytes: Vec<u8>,
}

impl Reply for ZipDownload {
    fn answer(self) -> Result<Answer> {
        let disposition = format!("attachment; filename=\"{}\"", self.filename);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&disposition)?);
        Ok(Answer { status: StatusCode::OK, headers, body: self.bytes.into() })
    }

    fn describe(operation: &mut Operation) {
        let bytes = json_schema!({ "type": "string", "format": "binary" });
        operation.reply_as(200, "Successful", "application/zip", Some(bytes));
    }
}

/// 204.
pub struct NoContent;

impl Reply for NoContent {
    fn answer(self) -> Result<Answer> {
        Ok(Answer { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: Bytes::new() })
    }

    fn describe(operation: &mut Operation) {
        operation.reply_without_body(204, "Done");
    }
}

/// 302 to an address, which must not be a caller's to choose.
pub struct Redirect(pub String);

impl Reply for Redirect {
    fn answer(self) -> Result<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_str(&self.0)?);
        Ok(Answer { status: StatusCode::FOUND, headers, body: Bytes::new() })
    }

    fn describe(operation: &mut Operation) {
        operation.reply_without_body(302, "Go on at `Location`");
    }
}

/// Another reply that also sets cookies.
pub struct WithCookies<R>(pub R, pub Vec<Cookie>);

impl<R: Reply> Reply for WithCookies<R> {
    fn answer(self) -> Result<Answer> {
        let mut answer = self.0.answer()?;
        for cookie in &self.1 {
            answer.headers.append(header::SET_COOKIE, cookie.header()?);
        }
        Ok(answer)
    }

    fn describe(operation: &mut Operation) {
        R::describe(operation);
    }
}

/// An answer made earlier and kept, for a repeated idempotency key; `R` says what it looks like.
pub enum Kept<R> {
    /// Made now.
    New(R),
    /// Made by the first call with the same key.
    Replayed(Answer),
}

impl<R: Reply> Reply for Kept<R> {
    fn answer(self) -> Result<Answer> {
        match self {
            Kept::New(reply) => reply.answer(),
            Kept::Replayed(answer) => Ok(answer),
        }
    }

    fn describe(operation: &mut Operation) {
        R::describe(operation);
    }
}

macro_rules! document {
    ($(#[$doc:meta])* $name:ident, $media_type:literal, $content_type:literal) => {
        $(#[$doc])*
        pub struct $name(pub Cow<'static, str>);

        impl Reply for $name {
            fn answer(self) -> Result<Answer> {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static($content_type));
                let body = match self.0 {
                    Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
                    Cow::Owned(text) => text.into(),
                };
                Ok(Answer { status: StatusCode::OK, headers, body })
            }

            fn describe(operation: &mut Operation) {
                operation.reply_as(200, "Successful", $media_type, None);
            }
        }
    };
}

document!(
    /// 200 with an HTML page.
    Html,
    "text/html",
    "text/html; charset=utf-8"
);
document!(
    /// 200 with Prometheus' text exposition, format 0.0.4.
    Exposition,
    "text/plain",
    "text/plain; version=0.0.4; charset=utf-8"
);
document!(
    /// 200 with a calendar (RFC 5545).
    CalendarText,
    "text/calendar",
    "text/calendar; charset=utf-8"
);
document!(
    /// 200 with a text that is JSON already.
    JsonText,
    "application/json",
    "application/json"
);
