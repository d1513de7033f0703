//! One call of an AWS service that speaks JSON, signed by the function's own credentials (Signature Version 4).

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::Value;

use crate::fetch::{self, Cause};

/// Where to ask, and as whom.
pub(crate) struct Access {
    pub(crate) endpoint: String,
    pub(crate) region: String,
    credentials: Credentials,
}

/// What is asked for.
pub(crate) struct Operation {
    /// The service's name in signatures: `sqs`.
    pub(crate) service: &'static str,
    /// `AmazonSQS.SendMessage`
    pub(crate) target: &'static str,
    pub(crate) content_type: &'static str,
}

impl Access {
    /// By the credentials that Lambda sets. Fails by the name of the variable that is missing.
    pub(crate) fn new(
        endpoint: String,
        region: String,
        find: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Access, Cause> {
        let credentials = Credentials::new(
            needed("AWS_ACCESS_KEY_ID", find)?,
            needed("AWS_SECRET_ACCESS_KEY", find)?,
            find("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Access { endpoint, region, credentials })
    }

    /// The answer, whatever its status, within `time` and with at most `limit` bytes of body.
    pub(crate) async fn call(
        &self,
        operation: &Operation,
        body: &Value,
        time: Duration,
        limit: usize,
    ) -> Result<Response<Bytes>, Cause> {
        let mut request = Request::post(format!("{}/", self.endpoint.trim_end_matches('/')))
            .header(header::CONTENT_TYPE, operation.content_type)
            .header("x-amz-target", operation.target)
            .body(Bytes::from(body.to_string()))?;
        self.sign(&mut request, operation.service)?;
        fetch::send(request, time, limit).await
    }

    /// Adds the headers of the signature.
    fn sign(&self, request: &mut Request<Bytes>, service: &str) -> Result<(), Cause> {
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let uri = request.uri().to_string();
        let headers = request.headers().iter().map(|(name, value)| Ok((name.as_str(), value.to_str()?)));
        let headers = headers.collect::<Result<Vec<_>, Cause>>()?;
        let body = SignableBody::Bytes(request.body());
        let signable = SignableRequest::new("POST", uri, headers.into_iter(), body)?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

/// A variable that must be set.
pub(crate) fn needed(name: &str, find: &dyn Fn(&str) -> Option<String>) -> Result<String, Cause> {
    find(name).ok_or_else(|| format!("{name} must be set").into())
}

/// Status and name of a refusal, and nothing else of the answer.
pub(crate) fn refusal(answer: &Response<Bytes>) -> String {
    let error: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    format!("{} {}", answer.status(), error["__type"].as_str().unwrap_or_default())
}
