//! The one error type. It meets the wire once: `serve` renders it as the error contract.
//!
//! `?` on anything foreign is a 500 whose cause is logged and never sent. The constructors say the rest:
//! `not_found("session not found")`.

mod code;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::panic::Location;

use schemars::JsonSchema;
use serde::Serialize;
use tokio_postgres::error::DbError;

use crate::log::trace;

pub use code::Code;

/// What a handler answers: its reply, or an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed request: what the caller may know, and the hidden cause.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    message: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after: Option<u32>,
    page: Option<String>,
    rule: Option<&'static str>,
    /// A hash: no address waits here to be logged.
    account: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
    place: &'static Location<'static>,
}

/// One bad field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// JSON Pointer (RFC 6901) into the body, or `/name` of a path or query parameter.
    pub path: String,
    /// Stable machine-readable reason, for example `too_long` or `missing`.
    pub code: Cow<'static, str>,
    /// One English sentence for a developer.
    pub message: Cow<'static, str>,
}

/// The body of every error answer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    /// Stable machine-readable code; each has one status.
    pub error_code: Code,
    /// One English sentence, safe to show to a developer.
    pub message: Cow<'static, str>,
    /// The answer's `X-Request-ID`; it finds the request in the logs.
    pub request_id: String,
    /// Only with `VALIDATION_ERROR`: every bad field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub errors: Vec<FieldError>,
}

/// 400 with the list of every bad field; the first one's sentence is the message.
#[track_caller]
pub fn invalid(fields: Vec<FieldError>) -> Error {
    let message = fields.first().map_or(Cow::Borrowed("invalid request"), |field| field.message.clone());
    let mut error = Error::new(Code::ValidationError, message);
    error.0.fields = fields;
    error
}

/// 400 for one field: its path, stable code and sentence.
#[track_caller]
pub fn invalid_field(
    path: impl Into<String>,
    code: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> Error {
    invalid(vec![FieldError { path: path.into(), code: code.into(), message: message.into() }])
}

/// 401.
#[track_caller]
pub fn unauthorized(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::Unauthorized, message)
}

/// 403. For an object of another person use [`not_found`].
#[track_caller]
pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::Forbidden, message)
}

/// 403 for what needs a proof of who it is that is younger, or another, than the one that the caller came with.
#[track_caller]
pub fn proof_required(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::ProofRequired, message)
}

/// 404, for what is missing and, in the same words, for what is another's.
#[track_caller]
pub fn not_found(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::NotFound, message)
}

/// 409.
#[track_caller]
pub fn conflict(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::Conflict, message)
}

/// 422: well-formed, and still impossible by a rule of the product; the message names it.
#[track_caller]
pub fn unprocessable(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::Unprocessable, message)
}

/// 429 with `Retry-After` in seconds.
#[track_caller]
pub fn rate_limited(message: impl Into<Cow<'static, str>>, retry_after: u32) -> Error {
    Error::new(Code::RateLimited, message).retry_after(retry_after)
}

/// 502: a service behind us failed.
#[track_caller]
pub fn upstream_unavailable(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::UpstreamUnavailable, message)
}

/// 503 with `Retry-After` in seconds.
#[track_caller]
pub fn unavailable(message: impl Into<Cow<'static, str>>, retry_after: u32) -> Error {
    Error::new(Code::Unavailable, message).retry_after(retry_after)
}

/// 500 with a cause that is logged and never sent.
#[track_caller]
pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    Error::new(Code::InternalError, "internal server error").because(cause)
}

impl Error {
    /// An error with any code of the contract; the constructors of this module read better.
    #[track_caller]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            page: None,
            rule: None,
            account: None,
            cause: None,
            place: Location::caller(),
        }))
    }

    /// Adds the hidden cause: logged, never sent.
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds `Retry-After`, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Error {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Names the rule for the log, where a limit or a credential refuses: `login:password`.
    pub fn by_rule(mut self, name: &'static str) -> Error {
        self.0.rule = Some(name);
        self
    }

    /// Says for the log, as a hash, which account it is about: a normalised address.
    pub fn about(mut self, account: &str) -> Error {
        self.0.account = Some(trace::account(account));
        self
    }

    /// Sends a browser on to a page that tells people of the error, with 302 instead of the error's status and body, which
    /// only the log then has. The address must not be a caller's to choose.
    pub fn on_page(mut self, address: String) -> Error {
        self.0.page = Some(address);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The sentence that the caller sees.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Seconds for the `Retry-After` header.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.0.retry_after
    }

    /// The address of the page that tells of it, if a browser is to go there.
    pub fn page(&self) -> Option<&str> {
        self.0.page.as_deref()
    }

    /// The rule that refused.
    pub fn rule(&self) -> Option<&'static str> {
        self.0.rule
    }

    /// The hash of the account that it is about.
    pub fn account(&self) -> Option<&str> {
        self.0.account.as_deref()
    }

    /// The hidden cause with its own causes, in one line for the log.
    pub fn cause(&self) -> Option<String> {
        let mut cause: &dyn StdError = self.0.cause.as_deref()?;
        let mut line = words(cause);
        while let Some(next) = cause.source() {
            line.push_str(": ");
            line.push_str(&words(next));
            cause = next;
        }
        Some(line)
    }

    /// Where the error was made, as `file:line`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.0.place.file(), self.0.place.line())
    }

    /// The hidden cause, if it is a `T`.
    pub fn cause_as<T: StdError + 'static>(&self) -> Option<&T> {
        self.0.cause.as_deref()?.downcast_ref()
    }

    /// The body of the answer.
    pub fn body(&self, request_id: &str) -> ErrorBody {
        ErrorBody {
            error_code: self.0.code,
            message: self.0.message.clone(),
            request_id: request_id.to_owned(),
            errors: self.0.fields.clone(),
        }
    }
}

/// What a cause says of itself. PostgreSQL's own text goes on with a `DETAIL` that quotes values of the row.
fn words(cause: &(dyn StdError + 'static)) -> String {
    match cause.downcast_ref::<DbError>() {
        Some(error) => {
            let constraint = error.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{} {}{constraint}", error.code().code(), error.message())
        }
        None => cause.to_string(),
    }
}

/// Anything foreign is a 500.
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    #[track_caller]
    fn from(cause: E) -> Error {
        internal(cause)
    }
}
