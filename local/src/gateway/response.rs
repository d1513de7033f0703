//! Gateway responses: the gateway's own errors, in the words of the template
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>).

use std::collections::BTreeMap;

use axum::body::Body;
use http::{HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use serde_json::{Value, json};

use super::{
    event::{self, Caller},
    route::{Matched, decode},
};
use crate::template::{ACCOUNT, Api, GatewayResponse, ParameterSource, resource_id};

/// What went wrong before, or instead of, the function's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No such path or method: the REST API takes it for an unsigned AWS request.
    MissingAuthenticationToken,
    /// The same with an `Authorization` header, which AWS then reads as its own signature.
    InvalidSignature,
    RequestTooLarge,
    Throttled,
    BadRequestBody,
    /// The function crashed, failed, or answered nonsense.
    IntegrationFailure,
    IntegrationTimeout,
    /// Lambda refused for want of sandboxes.
    LambdaThrottled,
    ApiConfigurationError,
}

impl Kind {
    /// Response type, its status and message at AWS.
    fn defaults(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::MissingAuthenticationToken => {
                ("MISSING_AUTHENTICATION_TOKEN", 403, "Missing Authentication Token")
            }
            Self::InvalidSignature => (
                "INVALID_SIGNATURE",
                403,
                "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' parameters.",
            ),
            Self::RequestTooLarge => ("REQUEST_TOO_LARGE", 413, "Request Too Long"),
            Self::Throttled => ("THROTTLED", 429, "Too Many Requests"),
            Self::BadRequestBody => ("BAD_REQUEST_BODY", 400, "Invalid request body"),
            Self::IntegrationFailure => ("INTEGRATION_FAILURE", 502, "Internal server error"),
            Self::IntegrationTimeout => ("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out"),
            Self::LambdaThrottled => ("INTEGRATION_FAILURE", 500, "Internal server error"),
            Self::ApiConfigurationError => ("API_CONFIGURATION_ERROR", 500, "Internal server error"),
        }
    }

    /// The header `x-amzn-ErrorType`.
    pub(super) fn error_type(self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::InvalidSignature => "IncompleteSignatureException",
            Self::RequestTooLarge => "RequestTooLargeException",
            Self::Throttled => "TooManyRequestsException",
            Self::BadRequestBody => "BadRequestException",
            Self::IntegrationFailure
            | Self::IntegrationTimeout
            | Self::LambdaThrottled
            | Self::ApiConfigurationError => "InternalServerErrorException",
        }
    }
}

/// An error of the gateway, with the route when there is one.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    resource: Option<String>,
    parameters: BTreeMap<String, String>,
}

impl Failure {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, resource: None, parameters: BTreeMap::new() }
    }

    pub(super) fn on(kind: Kind, matched: &Matched<'_>) -> Self {
        Self { kind, resource: Some(matched.route.path.clone()), parameters: matched.parameters.clone() }
    }
}

/// The response for a failure: the template's for its type, else its `DEFAULT_4XX` or `DEFAULT_5XX`,
/// else AWS's own.
pub(super) fn render(api: &Api, failure: &Failure, caller: &Caller, parts: &Parts) -> Response<Body> {
    let (name, status, _) = failure.kind.defaults();
    let fallback = if status < 500 { "DEFAULT_4XX" } else { "DEFAULT_5XX" };
    let aws = GatewayResponse::default();
    let wanted = api.responses.get(name).or_else(|| api.responses.get(fallback)).unwrap_or(&aws);
    let names = Names { api, failure, caller, parts };

    let default_template = BTreeMap::from([(
        "application/json".to_owned(),
        "{\"message\":$context.error.messageString}".to_owned(),
    )]);
    let templates = if wanted.templates.is_empty() { &default_template } else { &wanted.templates };
    let accepts = event::header(&parts.headers, "accept").unwrap_or_default();
    let chosen = templates.iter().find(|(media, _)| accepts.starts_with(media.as_str()));
    let chosen =
        chosen.or_else(|| templates.get_key_value("application/json")).or_else(|| templates.iter().next());
    let (media, template) = chosen.map_or(("application/json", ""), |(media, template)| (media, template));

    let mut response = Response::new(Body::from(names.substitute(template)));
    *response.status_mut() =
        StatusCode::from_u16(wanted.status.unwrap_or(status)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(media) = HeaderValue::from_str(media) {
        response.headers_mut().insert(header::CONTENT_TYPE, media);
    }
    for (name, source) in &wanted.headers {
        // A value that the request does not have leaves its header out.
        if let Some(value) = names.value(source)
            && let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// What expressions can refer to.
struct Names<'a> {
    api: &'a Api,
    failure: &'a Failure,
    caller: &'a Caller,
    parts: &'a Parts,
}

impl Names<'_> {
    fn value(&self, source: &ParameterSource) -> Option<String> {
        match source {
            ParameterSource::Literal(text) => Some(text.clone()),
            ParameterSource::Context(name) => self.context(name),
            ParameterSource::StageVariable(name) => self.api.variables.get(name).cloned(),
            ParameterSource::RequestHeader(name) => {
                event::header(&self.parts.headers, name).map(str::to_owned)
            }
            ParameterSource::RequestPath(name) => self.failure.parameters.get(name).cloned(),
            ParameterSource::RequestQuery(name) => {
                let query = self.parts.uri.query().unwrap_or_default();
                let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                pairs.find(|(key, _)| decode(key) == *name).map(|(_, value)| decode(&value.replace('+', " ")))
            }
        }
    }

    /// `$context` variables
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html>).
    fn context(&self, name: &str) -> Option<String> {
        let (response_type, _, message) = self.failure.kind.defaults();
        let (caller, uri) = (self.caller, &self.parts.uri);
        Some(match name {
            "requestId" => caller.request_id.clone(),
            "extendedRequestId" => caller.extended_id.clone(),
            "error.message" => message.to_owned(),
            "error.messageString" => Value::from(message).to_string(),
            "error.responseType" => response_type.to_owned(),
            "error.validationErrorString" => String::new(),
            "httpMethod" => self.parts.method.to_string(),
            "path" => format!("/{}{}", caller.stage, uri.path()),
            "resourcePath" => self.failure.resource.clone()?,
            "resourceId" => resource_id(self.failure.resource.as_deref()?)[..6].to_owned(),
            "protocol" => caller.protocol.clone(),
            "stage" => caller.stage.clone(),
            "apiId" => self.api.id.clone(),
            "accountId" => ACCOUNT.to_owned(),
            "domainName" => caller.host.clone(),
            "domainPrefix" => caller.host.split(['.', ':']).next()?.to_owned(),
            "requestTime" => caller.request_time(),
            "requestTimeEpoch" => caller.time.as_millisecond().to_string(),
            "identity.sourceIp" => caller.source_ip.to_string(),
            "identity.userAgent" => event::header(&self.parts.headers, "user-agent")?.to_owned(),
            _ => return None,
        })
    }

    /// Body templates are plain substitution here, not the whole of VTL. Text from the request is
    /// escaped for JSON, since these templates write JSON.
    fn substitute(&self, template: &str) -> String {
        let mut output = String::new();
        let mut rest = template;
        while let Some(start) = rest.find('$') {
            output.push_str(&rest[..start]);
            rest = &rest[start + 1..];
            let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (expression, after) = match braced {
                Some((inner, after)) => (inner, after),
                None => {
                    let end = rest
                        .find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))
                        .unwrap_or(rest.len());
                    // A dot that ends a sentence is not part of the name.
                    let name = rest[..end].trim_end_matches(['.', '-']);
                    (name, &rest[name.len()..])
                }
            };
            match ParameterSource::read(expression) {
                Ok(source) => {
                    let value = self.value(&source).unwrap_or_default();
                    match source {
                        // This one brings its quotes with it.
                        ParameterSource::Context(name) if name == "error.messageString" => {
                            output.push_str(&value)
                        }
                        _ => output.push_str(json!(value).to_string().trim_matches('"')),
                    }
                    rest = after;
                }
                Err(_) => output.push('$'),
            }
        }
        output.push_str(rest);
        output
    }
}
