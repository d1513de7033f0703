//! The event of Lambda proxy integration, payload format 1.0
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format>).

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use uuid::Uuid;

use super::route::{Integration, Matched, Router, decode};
use crate::{
    lambda::new_trace_id,
    template::{ACCOUNT, Api, Template, resource_id},
};

/// The parts of a request that the event is made from.
#[derive(Debug, Clone, Copy)]
pub struct EventRequest<'a> {
    /// HTTP method.
    pub method: &'a Method,
    /// The path as sent, still encoded.
    pub path: &'a str,
    /// The query as sent, without `?`.
    pub query: &'a str,
    /// The headers as sent.
    pub headers: &'a HeaderMap,
    /// The body as sent.
    pub body: &'a [u8],
}

/// What the gateway knows about a request besides its content.
#[derive(Debug, Clone)]
pub struct Caller {
    /// `requestContext.requestId`, the header `x-amzn-RequestId`.
    pub request_id: String,
    /// `requestContext.extendedRequestId`, the header `x-amz-apigw-id`.
    pub extended_id: String,
    /// X-Ray trace header.
    pub trace_id: String,
    /// When the request arrived.
    pub time: jiff::Timestamp,
    /// The client.
    pub source_ip: IpAddr,
    /// The client's `Host`, with port.
    pub host: String,
    /// The port of `Host`.
    pub port: String,
    /// `HTTP/1.1`
    pub protocol: String,
    /// The stage of the API.
    pub stage: String,
}

impl Caller {
    pub(super) fn new(api: &Api, peer: SocketAddr, parts: &http::request::Parts) -> Self {
        Self::from(api, peer.ip(), &parts.headers, format!("{:?}", parts.version))
    }

    fn from(api: &Api, source_ip: IpAddr, headers: &HeaderMap, protocol: String) -> Self {
        let host = header(headers, "host").unwrap_or("localhost").to_owned();
        let given_root = header(headers, "x-amzn-trace-id").filter(|given| given.contains("Root="));
        let port = host.rsplit_once(':').map_or("80", |(_, port)| port).to_owned();
        Self {
            request_id: Uuid::new_v4().to_string(),
            extended_id: format!("{}=", &BASE64_STANDARD.encode(Uuid::new_v4())[..15]),
            trace_id: given_root.map_or_else(new_trace_id, str::to_owned),
            time: jiff::Timestamp::now(),
            source_ip: source_ip.to_canonical(),
            host,
            port,
            protocol,
            stage: api.stage.clone(),
        }
    }

    /// `21/Nov/2026:10:23:33 +0000`
    pub(super) fn request_time(&self) -> String {
        self.time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
    }
}

/// The event that a request to one of the template's routes makes, for an invocation by hand. `path`
/// and `query` are encoded, headers are names and values. Errors: unknown route, bad header.
pub fn sample_event(
    template: &Template,
    method: &Method,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Value> {
    let router = Router::new(template)?;
    let matched =
        router.find(method, path).with_context(|| format!("the template has no route {method} {path}"))?;
    let headers = headers
        .iter()
        .map(|(name, value)| Ok((HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?)))
        .collect::<Result<HeaderMap>>()?;
    let caller = Caller::from(&template.api, Ipv4Addr::LOCALHOST.into(), &headers, "HTTP/1.1".to_owned());
    let request = EventRequest { method, path, query, headers: &headers, body };
    Ok(build(&template.api, &matched, &request, &caller))
}

/// The event for a matched request.
pub fn build(api: &Api, matched: &Matched<'_>, request: &EventRequest<'_>, caller: &Caller) -> Value {
    let (headers, multi_headers) = headers(request.headers, caller);
    let (query, multi_query) = pairs(query(request.query));
    let content_type = header(request.headers, "content-type").unwrap_or_default();
    let binary = !request.body.is_empty() && is_binary(&api.binary_media_types, content_type);
    let body = match request.body {
        [] => Value::Null,
        bytes if binary => Value::String(BASE64_STANDARD.encode(bytes)),
        bytes => Value::String(String::from_utf8_lossy(bytes).into_owned()),
    };
    json!({
        "resource": matched.route.path,
        "path": request.path,
        "httpMethod": request.method.as_str(),
        "headers": headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": multi_query,
        "pathParameters": or_null(&matched.parameters),
        "stageVariables": or_null(&api.variables),
        "requestContext": request_context(api, matched, request, caller),
        "body": body,
        "isBase64Encoded": binary,
    })
}

fn request_context(api: &Api, matched: &Matched<'_>, request: &EventRequest<'_>, caller: &Caller) -> Value {
    let mut context = json!({
        "resourceId": &resource_id(&matched.route.path)[..6],
        "resourcePath": matched.route.path,
        "httpMethod": request.method.as_str(),
        "extendedRequestId": caller.extended_id,
        "requestTime": caller.request_time(),
        "requestTimeEpoch": caller.time.as_millisecond(),
        "path": format!("/{}{}", api.stage, request.path),
        "accountId": ACCOUNT,
        "protocol": caller.protocol,
        "stage": api.stage,
        "domainPrefix": caller.host.split(['.', ':']).next(),
        "domainName": caller.host,
        "requestId": caller.request_id,
        "deploymentId": &resource_id("deployment")[..6],
        "apiId": api.id,
        "identity": {
            "cognitoIdentityPoolId": null,
            "accountId": null,
            "cognitoIdentityId": null,
            "caller": null,
            "sourceIp": caller.source_ip.to_string(),
            "principalOrgId": null,
            "accessKey": null,
            "cognitoAuthenticationType": null,
            "cognitoAuthenticationProvider": null,
            "userArn": null,
            "userAgent": header(request.headers, "user-agent"),
            "user": null,
        },
    });
    if let Integration::Function { operation: Some(operation), .. } = &matched.route.integration {
        context["operationName"] = json!(operation);
    }
    context
}

/// The client's headers and what the gateway adds. The single-valued form holds the last value.
fn headers(sent: &HeaderMap, caller: &Caller) -> (Value, Value) {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in sent {
        // Bytes above ASCII are Latin-1 by the old rule, but everybody sends UTF-8.
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        all.entry(canonical(name.as_str())).or_default().push(value);
    }
    // The connection to the gateway is not the function's concern.
    for hop in ["Connection", "Keep-Alive", "Transfer-Encoding", "Te", "Upgrade", "Expect", "Content-Length"]
    {
        all.remove(hop);
    }
    let forwarded = match all.get("X-Forwarded-For").and_then(|values| values.last()) {
        Some(given) => format!("{given}, {}", caller.source_ip),
        None => caller.source_ip.to_string(),
    };
    for (name, value) in [
        ("Host", caller.host.clone()),
        ("X-Amzn-Trace-Id", caller.trace_id.clone()),
        ("X-Forwarded-For", forwarded),
        ("X-Forwarded-Port", caller.port.clone()),
        ("X-Forwarded-Proto", "http".to_owned()),
    ] {
        all.insert(name.to_owned(), vec![value]);
    }
    pairs(all)
}

/// `content-type` as `Content-Type`. HTTP/1.1 clients write headers like this and API Gateway passes
/// the spelling on; the spelling itself is lost when a request is parsed here.
fn canonical(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|character| {
            let spelled = if start { character.to_ascii_uppercase() } else { character };
            start = character == '-';
            spelled
        })
        .collect()
}

/// Decoded names and values, in order per name.
fn query(encoded: &str) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pair in encoded.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = |part: &str| decode(&part.replace('+', " "));
        all.entry(decoded(name)).or_default().push(decoded(value));
    }
    all
}

/// Single-valued (the last) and multi-valued form; `null` when there is nothing.
fn pairs(all: BTreeMap<String, Vec<String>>) -> (Value, Value) {
    if all.is_empty() {
        return (Value::Null, Value::Null);
    }
    let single: BTreeMap<&str, Option<&String>> =
        all.iter().map(|(name, values)| (name.as_str(), values.last())).collect();
    (json!(single), json!(all))
}

fn or_null(values: &BTreeMap<String, String>) -> Value {
    if values.is_empty() { Value::Null } else { json!(values) }
}

/// The header's last value, as API Gateway takes it where one is wanted.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(name).iter().next_back()?.to_str().ok()
}

/// Whether a media type is one of the API's binary ones, `image/*` and `*/*` included.
pub(super) fn is_binary(binary_types: &[String], media_type: &str) -> bool {
    let media_type = media_type.split([';', ',']).next().unwrap_or_default().trim().to_ascii_lowercase();
    let family = media_type.split_once('/').map(|(family, _)| format!("{family}/*"));
    binary_types.iter().map(|kind| kind.to_ascii_lowercase()).any(|kind| {
        kind == "*/*" || (!media_type.is_empty() && kind == media_type) || Some(&kind) == family.as_ref()
    })
}
