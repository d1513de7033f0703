//! The codes of the error contract.

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

/// The stable `error_code` of the contract; each has one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(transform = crate::text_enum::plain)]
pub enum Code {
    /// 400: the request is not what the route takes; `errors` lists every bad field.
    ValidationError,
    /// 401: no caller, or one that could not be verified.
    Unauthorized,
    /// 403: a known caller who may not do this.
    Forbidden,
    /// 403: the caller, or whoever opened a mailed link, proves again who they are: by a new sign-in, or by the password.
    ProofRequired,
    /// 404: missing, or another's.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 406: the answer is of no type that the request can take.
    NotAcceptable,
    /// 409: the state of the thing forbids it.
    Conflict,
    /// 412: the thing was changed since the caller read it.
    PreconditionFailed,
    /// 413: the body is over the gateway's or Lambda's limit.
    PayloadTooLarge,
    /// 415: the content type is not one that the route takes.
    UnsupportedMediaType,
    /// 422: refused for somebody's safety.
    SafetyBlocked,
    /// 422: well-formed and still impossible.
    Unprocessable,
    /// 429: too many requests; `Retry-After` says when to come back.
    RateLimited,
    /// 500: our fault; the cause is in the log.
    InternalError,
    /// 502: a service behind us failed.
    UpstreamUnavailable,
    /// 503: for now the request cannot be served.
    Unavailable,
    /// 504: it took too long.
    Timeout,
}

impl Code {
    /// The status that this code always has.
    pub fn status(self) -> StatusCode {
        match self {
            Code::ValidationError => StatusCode::BAD_REQUEST,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::Forbidden | Code::ProofRequired => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Code::Conflict => StatusCode::CONFLICT,
            Code::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::SafetyBlocked | Code::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Code::UpstreamUnavailable => StatusCode::BAD_GATEWAY,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Timeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::ValidationError => "VALIDATION_ERROR",
            Code::Unauthorized => "UNAUTHORIZED",
            Code::Forbidden => "FORBIDDEN",
            Code::ProofRequired => "PROOF_REQUIRED",
            Code::NotFound => "NOT_FOUND",
            Code::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Code::NotAcceptable => "NOT_ACCEPTABLE",
            Code::Conflict => "CONFLICT",
            Code::PreconditionFailed => "PRECONDITION_FAILED",
            Code::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Code::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Code::SafetyBlocked => "SAFETY_BLOCKED",
            Code::Unprocessable => "UNPROCESSABLE",
            Code::RateLimited => "RATE_LIMITED",
            Code::InternalError => "INTERNAL_ERROR",
            Code::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Code::Unavailable => "UNAVAILABLE",
            Code::Timeout => "TIMEOUT",
        }
    }
}
