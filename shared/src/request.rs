//! The request as a handler's parameters see it, and the trait that makes a type a parameter.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use serde_json::Value;
use uuid::Uuid;

use crate::database::Db;
use crate::describe::Operation;
use crate::error::Result;
use crate::limit::Told;
use crate::log::Stats;
use crate::settings::SettingError;

/// A decoded API Gateway event. Handlers never touch it: their parameters do.
pub struct Request {
    /// Upper-case HTTP method.
    pub method: Method,
    /// The path as the caller wrote it, without the stage.
    pub path: String,
    /// Values of the path template's parameters, percent-decoded.
    pub path_parameters: HashMap<String, String>,
    /// Query parameters, percent-decoded, in order; the last of a repeated name counts.
    pub query: Vec<(String, String)>,
    /// Request headers, every line of each.
    pub headers: HeaderMap,
    /// The raw body; base64 is undone.
    pub body: Bytes,
    /// The body as JSON, if the route takes one; taken by the parameter that reads it.
    pub json: Option<Value>,
    /// The address that API Gateway was called from.
    pub source_ip: Option<IpAddr>,
    /// `X-Request-ID`: the caller's or a new one.
    pub request_id: String,
    /// What the request has used so far, for its log line.
    pub stats: Arc<Stats>,
    /// The invocation's database connection, opened when a parameter asks for it.
    pub db: Db,
    /// When the request must be answered; the function's own time limit is a little later.
    pub deadline: Instant,
    /// Whether the route has a caller to verify.
    pub has_caller: bool,
    /// Who called, once that is known.
    pub user_id: Option<Uuid>,
    /// What the answer is to tell of limits.
    pub(crate) told: Arc<Told>,
}

impl Request {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Whether a header came in several lines. For one that has a single value that means that nobody can say which counts.
pub fn is_repeated(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

/// A parameter of a handler. Parameters are read in order; the first failure answers.
pub trait FromRequest: Sized + Send {
    /// Whether the route takes a JSON body: then its syntax is checked before the caller is.
    const TAKES_JSON: bool = false;
    /// Whether the route has a caller to verify.
    const HAS_CALLER: bool = false;

    /// Runs once at the cold start: reads the settings that the parameter needs. Nothing connects here.
    fn start() -> Result<(), SettingError> {
        Ok(())
    }

    /// Reads the parameter, or answers for the route.
    fn from_request(request: &mut Request) -> impl Future<Output = Result<Self>> + Send;

    /// Adds what the parameter means for the wire.
    fn describe(operation: &mut Operation);
}
