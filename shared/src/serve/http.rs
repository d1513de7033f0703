//! One HTTP request: decode, parameters, handler, answer, log line.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyResponse;
use lambda_http::request::{LambdaRequest, RequestContext};
use lambda_http::{Body, RequestExt};
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::Instrument;
use uuid::Uuid;

use super::{HttpRoute, time_left};
use crate::client;
use crate::database::{Db, LONGEST_OF_REQUEST};
use crate::error::{Code, Error, Result, internal, invalid_field};
use crate::log::{self, Kind, Outcome, Stats, trace};
use crate::reply::{Answer, Replied};
use crate::request::{Request, is_repeated};
use crate::settings::{self, Environment};

/// The header that names a request, in and out.
const REQUEST_ID: &str = "x-request-id";

/// What a page may read of an answer besides what it may always; the template says the same of the gateway's own errors.
const EXPOSED: &str = "X-Request-ID, Retry-After, RateLimit, RateLimit-Policy, ETag";

pub(super) async fn run(route: Arc<HttpRoute>) -> Result<(), lambda_runtime::Error> {
    // `lambda_http` decodes the event. Its `run` would also decode answers of any character set on their way out, with
    // tables that are a tenth of a program: answers here are UTF-8, so they go out as they are.
    lambda_runtime::run(lambda_runtime::service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let route = route.clone();
        async move {
            let payload = with_every_line(event.payload);
            let request = lambda_http::Request::from(payload).with_lambda_context(event.context);
            Ok::<_, std::convert::Infallible>(respond(&route, request).await)
        }
    }))
    .await
}

/// Every line of each header. `headers` has the last of several lines, and `lambda_http` would put it in the place of all
/// that `multiValueHeaders` has.
pub(super) fn with_every_line(event: LambdaRequest) -> LambdaRequest {
    let LambdaRequest::ApiGatewayV1(mut event) = event else { return event };
    let last_lines = std::mem::take(&mut event.headers);
    for (name, value) in &last_lines {
        event.multi_value_headers.entry(name).or_insert_with(|| value.clone());
    }
    LambdaRequest::ApiGatewayV1(event)
}

async fn respond(route: &HttpRoute, event: lambda_http::Request) -> ApiGatewayProxyResponse {
    let mut call = Call::of(route, event);
    let outcome = match call.reply(route).await {
        Ok(Replied::Whole(answer)) => Ok(answer),
        Ok(Replied::Written(_)) => Err(internal("a stream in a route that streams nothing")),
        Err(error) => Err(error),
    };
    call.request.db.release().await;
    rendered(call.end(route, outcome))
}

/// A request while it is answered.
pub(super) struct Call {
    pub(super) request: Request,
    started: Instant,
    pub(super) time_left: Duration,
    origin: Option<HeaderValue>,
}

impl Call {
    pub(super) fn of(route: &HttpRoute, event: lambda_http::Request) -> Call {
        let started = Instant::now();
        let time_left = time_left(event.lambda_context_ref().map_or(0, |context| context.deadline));
        let origin = event.headers().get(header::ORIGIN).cloned();
        let origin = origin.filter(|_| !is_repeated(event.headers(), header::ORIGIN));
        let mut request = decode(event, started + time_left);
        request.has_caller = route.handler.has_caller();
        Call { request, started, time_left, origin }
    }

    pub(super) async fn reply(&mut self, route: &HttpRoute) -> Result<Replied> {
        let span = self.span();
        answer(route, &mut self.request, self.time_left).instrument(span).await
    }

    pub(super) fn span(&self) -> tracing::Span {
        tracing::info_span!("request", request_id = self.request.request_id)
    }

    /// The whole answer, with the headers that every answer has, and its line in the log.
    pub(super) fn end(&self, route: &HttpRoute, outcome: Result<Answer>) -> Answer {
        let status = match &outcome {
            Ok(answer) => answer.status,
            Err(error) => error.code().status(),
        };
        self.log(route, status, outcome.as_ref().err());
        let mut answer = outcome.unwrap_or_else(|error| Answer::error(&error, &self.request.request_id));
        self.finish(&mut answer.headers);
        answer
    }

    pub(super) fn finish(&self, headers: &mut HeaderMap) {
        self.request.told.write(headers);
        finish(headers, &self.request.request_id, self.origin.clone());
    }

    pub(super) fn log(&self, route: &HttpRoute, status: StatusCode, failure: Option<&Error>) {
        let request = &self.request;
        log::write(
            Kind::Request,
            &Outcome {
                request_id: &request.request_id,
                route: route.path,
                method: route.method,
                path: &logged_path(route.path, &request.path),
                status_code: status.as_u16(),
                error_code: failure.map(|error| error.code().as_str()),
                cause: failure.and_then(Error::cause),
                place: failure.map(Error::place),
                latency: self.started.elapsed(),
                user_id: request.user_id,
                network: request.source_ip.map(|ip| trace::network(&client::network(ip))),
                rule: failure.and_then(Error::rule),
                account: failure.and_then(Error::account),
                result: None,
            },
            &request.stats,
        );
    }
}

/// The handler's answer; a panic is a 500 and the sandbox lives on, and running out of time is a 504.
async fn answer(route: &HttpRoute, request: &mut Request, time_left: Duration) -> Result<Replied> {
    if route.handler.takes_json() {
        request.json = json_body(&request.headers, &request.body)?;
    }
    let call = AssertUnwindSafe(route.handler.call(request)).catch_unwind();
    match tokio::time::timeout(time_left, call).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(internal("the handler panicked")),
        Err(_) => Err(Error::new(Code::Timeout, "the request took too long")),
    }
}

/// Broken JSON answers before the caller is looked at. A body of another content type is no JSON: the parameter that
/// wants it says so. A missing content type means JSON.
fn json_body(headers: &HeaderMap, body: &[u8]) -> Result<Option<Value>> {
    let is_json = |line: &HeaderValue| {
        line.to_str().is_ok_and(|text| {
            let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            essence == "application/json"
                || (essence.starts_with("application/") && essence.ends_with("+json"))
        })
    };
    if !headers.get_all(header::CONTENT_TYPE).iter().all(is_json) || body.is_empty() {
        return Ok(None);
    }
    // RFC 8259, section 8.1: a reader may pass over a byte order mark.
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // API Gateway puts U+FFFD in the place of what is no UTF-8, and nobody can tell it from one that was sent. Who means
    // the character itself writes it as an escape.
    if text.windows(3).any(|bytes| bytes == "\u{fffd}".as_bytes()) {
        let sentence = "the body is not UTF-8, or holds U+FFFD, which must be written \\ufffd";
        return Err(invalid_field("", "utf8", sentence));
    }
    serde_json::from_slice(text).map(Some).map_err(|cause| {
        let place = format!("JSON decode error at line {}, column {}", cause.line(), cause.column());
        invalid_field("", "json_invalid", place)
    })
}

/// The longest path that the log keeps, in characters: as much as the tables of metrics do. The rest is the caller's to
/// write, and ours to pay for.
const LOGGED_PATH: usize = 500;

/// The path for the log. One that carries a secret, which the parameter `token` is, stays out of it.
fn logged_path(route: &str, path: &str) -> String {
    if route.contains("{token}") { route.to_owned() } else { path.chars().take(LOGGED_PATH).collect() }
}

fn decode(event: lambda_http::Request, deadline: Instant) -> Request {
    let path_parameters =
        event.path_parameters().iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let query = event
        .query_string_parameters()
        .iter()
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect();
    let path = event.raw_http_path().to_owned();
    let source_ip = source_ip(&event);
    let (parts, body) = event.into_parts();
    let request_id = request_id(&parts.headers);
    let stats = Arc::new(Stats::default());
    Request {
        method: parts.method,
        path,
        path_parameters,
        query,
        headers: parts.headers,
        body: body.to_vec().into(),
        json: None,
        source_ip,
        request_id,
        db: Db::new(stats.clone(), deadline, LONGEST_OF_REQUEST),
        stats,
        deadline,
        has_caller: false,
        user_id: None,
        told: Arc::default(),
    }
}

/// The other end of the connection to the gateway, which no header can change.
fn source_ip(event: &lambda_http::Request) -> Option<IpAddr> {
    match event.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.as_deref()?.parse().ok(),
        _ => None,
    }
}

/// The caller's, trimmed, if it is 1 to 128 visible ASCII characters after cutting; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let visible: String =
        given.unwrap_or_default().trim().chars().filter(char::is_ascii_graphic).take(128).collect();
    if visible.is_empty() { Uuid::new_v4().to_string() } else { visible }
}

/// A year of https alone, for this host and those below it (RFC 6797; OWASP ASVS 5, 3.4.1). The gateway says the same with
/// its own errors.
const HTTPS_ONLY: &str = "max-age=31536000; includeSubDomains";

fn is_production() -> bool {
    static IS_PRODUCTION: OnceLock<bool> = OnceLock::new();
    *IS_PRODUCTION.get_or_init(|| Environment::current() == Environment::Production)
}

/// Headers that every answer has: the request's id, and what a browser on an allowed origin needs.
fn finish(headers: &mut HeaderMap, request_id: &str, origin: Option<HeaderValue>) {
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_production() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_ONLY));
    }
    let origins = allowed_origins();
    if origins.iter().any(|allowed| allowed == "*") {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        match origin {
            Some(origin) if origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            _ => return,
        }
    }
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// `CORS_ORIGINS`: a comma list, or `*` for all (then without credentials).
fn allowed_origins() -> &'static [String] {
    static ORIGINS: OnceLock<Vec<String>> = OnceLock::new();
    ORIGINS.get_or_init(|| {
        let list = settings::find("CORS_ORIGINS").unwrap_or_else(|| "http://localhost:3000".to_owned());
        list.split(',').map(|origin| origin.trim().trim_end_matches('/').to_owned()).collect()
    })
}

/// The answer as API Gateway wants it: text as it is, bytes that are no UTF-8 in base64.
fn rendered(answer: Answer) -> ApiGatewayProxyResponse {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = answer.status.as_u16().into();
    response.multi_value_headers = answer.headers;
    response.body = match String::from_utf8(answer.body.into()) {
        Ok(text) if text.is_empty() => None,
        Ok(text) => Some(Body::Text(text)),
        Err(binary) => Some(Body::Binary(binary.into_bytes())),
    };
    response.is_base64_encoded = matches!(response.body, Some(Body::Binary(_)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(given: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static(given));
        request_id(&headers)
    }

    #[test]
    fn a_request_id_is_trimmed_cut_and_visible() {
        assert_eq!(id_of("  abc-1  "), "abc-1");
        assert_eq!(id_of("a b\tc"), "abc");
        assert_eq!(request_id(&HeaderMap::new()).len(), 36);
        assert_eq!(id_of("   ").len(), 36);
        let long: &'static str = Box::leak("x".repeat(300).into_boxed_str());
        assert_eq!(id_of(long).len(), 128);
    }

    #[test]
    fn a_logged_path_is_cut_and_keeps_no_secret() {
        assert_eq!(logged_path("/a/{id}", "/a/1"), "/a/1");
        assert_eq!(logged_path("/a/{id}", &"/ä".repeat(4000)), "/ä".repeat(250));
        assert_eq!(logged_path("/a/{token}", "/a/secret"), "/a/{token}");
    }

    #[test]
    fn json_is_read_by_content_type() {
        let mut headers = HeaderMap::new();
        assert_eq!(json_body(&headers, b"{}").unwrap(), Some(serde_json::json!({})));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(json_body(&headers, b"{}").unwrap(), None);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json; charset=utf-8"),
        );
        assert!(json_body(&headers, b"{").is_err());
        // Each of several lines.
        headers.append(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(json_body(&headers, b"{}").unwrap(), Some(serde_json::json!({})));
        headers.append(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        assert_eq!(json_body(&headers, b"{}").unwrap(), None);
    }

    #[test]
    fn a_body_is_utf8_and_may_begin_with_its_mark() {
        let read = |body: &[u8]| json_body(&HeaderMap::new(), body);
        assert_eq!(read(b"\xef\xbb\xbf{}").unwrap(), Some(serde_json::json!({})));
        assert_eq!(read(br#""\ufffd""#).unwrap(), Some(serde_json::json!("\u{fffd}")));
        for broken in ["\"a\u{fffd}b\"".as_bytes(), b"\"a\xffb\"", b"\"\xc3\"", b"\xef\xbb{}"] {
            assert!(read(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn every_line_of_a_header_counts() {
        let event = serde_json::json!({
            "httpMethod": "GET", "path": "/", "resource": "/", "requestContext": { "httpMethod": "GET" },
            "headers": { "Cookie": "b=2", "Accept": "a/b", "X-Only": "1" },
            "multiValueHeaders": { "Cookie": ["a=1", "b=2"], "accept": ["a/b"] },
        });
        let payload = with_every_line(serde_json::from_value(event).unwrap());
        let request = lambda_http::Request::from(payload);
        let lines = |name: &str| {
            let lines = request.headers().get_all(name).iter();
            lines.map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(lines("cookie"), ["a=1", "b=2"]);
        assert_eq!((lines("accept"), lines("x-only")), (vec!["a/b".to_owned()], vec!["1".to_owned()]));
    }
}
