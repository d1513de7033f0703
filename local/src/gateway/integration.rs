//! A function's answer as an HTTP response, by the rules of Lambda proxy integration. An `Err` says
//! why the answer is malformed; API Gateway then answers 502.

use std::time::Instant;

use axum::body::{Body, Bytes};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::event::{self, is_binary};
use crate::lambda::{InvokeError, StreamedInvocation};

/// The output format's keys; API Gateway refuses an answer with others.
const KEYS: [&str; 7] =
    ["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "base64Encoded", "cookies"];

/// Headers that belong to the gateway: a function's value travels as `x-amzn-remapped-<name>`
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>).
const REMAPPED: [&str; 11] = [
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "host",
    "max-forwards",
    "server",
    "user-agent",
    "www-authenticate",
];
/// Headers of one hop: they end here.
const DROPPED: [&str; 7] = [
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A buffered answer. `request` is needed for its `Accept`.
pub(super) fn buffered(
    payload: &[u8],
    binary_types: &[String],
    request: &HeaderMap,
) -> Result<Response<Body>, String> {
    let malformed = |why: String| format!("Malformed Lambda proxy response: {why}");
    let answer: Value =
        serde_json::from_slice(payload).map_err(|error| malformed(format!("no JSON: {error}")))?;
    let Value::Object(answer) = answer else { return Err(malformed("not an object".to_owned())) };
    if let Some(unknown) = answer.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(malformed(format!("unknown key {unknown}")));
    }
    let status = status(answer.get("statusCode")).map_err(malformed)?;
    let mut headers = HeaderMap::new();
    collect(&mut headers, answer.get("multiValueHeaders"), true).map_err(malformed)?;
    collect(&mut headers, answer.get("headers"), false).map_err(malformed)?;
    if !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let body = match answer.get("body") {
        None | Some(Value::Null) => "",
        Some(Value::String(body)) => body,
        Some(_) => return Err(malformed("body is not text".to_owned())),
    };
    let encoded = answer.get("base64Encoded").or_else(|| answer.get("isBase64Encoded"));
    let encoded = match encoded {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(flag)) if flag.eq_ignore_ascii_case("true") => true,
        Some(Value::String(flag)) if flag.eq_ignore_ascii_case("false") => false,
        Some(other) => return Err(malformed(format!("isBase64Encoded is {other}"))),
    };
    // The first type that the caller accepts decides, whatever the function says its answer is
    // (https://docs.aws.amazon.com/apigateway/latest/developerguide/lambda-proxy-binary-media.html).
    let binary = is_binary(binary_types, event::header(request, "accept").unwrap_or_default());
    let body = if encoded && binary {
        BASE64_STANDARD.decode(body).map_err(|error| malformed(format!("body is no base64: {error}")))?
    } else {
        body.as_bytes().to_vec()
    };
    Ok(respond(status, headers, Body::from(body)))
}

/// A streamed answer: chunks are sent as they arrive, and whatever goes wrong breaks the connection,
/// so that nothing cut off looks complete. The stream must end by `deadline`.
pub(super) fn streamed(stream: StreamedInvocation, deadline: Instant) -> Result<Response<Body>, String> {
    let prelude =
        stream.prelude.ok_or("the streamed answer is no HTTP integration response (no metadata prelude)")?;
    let status =
        StatusCode::from_u16(prelude.status).map_err(|_| format!("statusCode is {}", prelude.status))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &prelude.headers {
        append(&mut headers, name, value)?;
    }
    let chunks = stream::unfold(Some(stream.body), move |body| async move {
        let mut body: mpsc::Receiver<Result<Bytes, InvokeError>> = body?;
        match tokio::time::timeout_at(deadline.into(), body.recv()).await {
            Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(body))),
            Ok(Some(Err(error))) => Some((Err(std::io::Error::other(error)), None)),
            Ok(None) => None,
            Err(_) => Some((Err(std::io::Error::other("the integration timed out")), None)),
        }
    });
    Ok(respond(status, headers, Body::from_stream(chunks)))
}

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A whole number, or one as text. API Gateway itself sends no 1xx.
fn status(code: Option<&Value>) -> Result<StatusCode, String> {
    let number = match code {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        None | Some(Value::Null) => return Err("no statusCode".to_owned()),
        Some(_) => None,
    };
    let status = number
        .filter(|number| (200..=599).contains(number))
        .and_then(|n| StatusCode::from_u16(n as u16).ok());
    status.ok_or_else(|| format!("statusCode is {}", code.unwrap_or(&Value::Null)))
}

/// Adds `headers` or `multiValueHeaders`. A pair that stands in both appears once.
fn collect(headers: &mut HeaderMap, section: Option<&Value>, multi: bool) -> Result<(), String> {
    let empty = Map::new();
    let section = match section {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(section)) => section,
        Some(_) => return Err("headers is not an object".to_owned()),
    };
    for (name, value) in section {
        let single = std::slice::from_ref(value);
        let values = match value {
            Value::Array(values) if multi => values.as_slice(),
            _ if multi => return Err(format!("multiValueHeaders.{name} is not a list")),
            _ => single,
        };
        for value in values {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(_) | Value::Bool(_) => value.to_string(),
                other => return Err(format!("header {name} is {other}")),
            };
            let repeated = !multi
                && headers.get_all(target(name)).iter().any(|known| known.as_bytes() == value.as_bytes());
            if !repeated {
                append(headers, name, &value)?;
            }
        }
    }
    Ok(())
}

/// The name under which a function's header leaves.
fn target(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if REMAPPED.contains(&lower.as_str()) { format!("x-amzn-remapped-{lower}") } else { lower }
}

fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    if DROPPED.contains(&name.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    let target =
        HeaderName::from_bytes(target(name).as_bytes()).map_err(|_| format!("{name:?} is no header name"))?;
    let value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("header {name} has the value {value:?}"))?;
    headers.append(target, value);
    Ok(())
}
