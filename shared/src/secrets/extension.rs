//! The AWS Parameters and Secrets Lambda Extension.
//!
//! It is a local HTTP endpoint that signs and fetches; so a function that needs a secret carries no AWS SDK, which would
//! be most of its size and of its cold start. Its cache is off (`SECRETS_MANAGER_TTL` in the template): it could not be
//! told that a secret has changed.
//! Source: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html>

use http_body_util::BodyExt;
use lambda_runtime_api_client::{Client, body::Body};

use super::Secret;
use crate::error::{Result, internal};
use crate::settings;

pub(super) async fn text(arn: &str, stage: Option<&str>) -> Result<String> {
    let port = settings::find("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT").unwrap_or_else(|| "2773".to_owned());
    let client = Client::builder()
        .with_endpoint(format!("http://localhost:{port}").parse()?)
        .build()
        .map_err(|cause| internal(cause.to_string()))?;
    let stage = stage.map(|stage| format!("&versionStage={stage}")).unwrap_or_default();
    let request = http::Request::get(format!("/secretsmanager/get?secretId={}{stage}", encoded(arn)))
        .header("X-Aws-Parameters-Secrets-Token", settings::find("AWS_SESSION_TOKEN").unwrap_or_default())
        .body(Body::empty())?;
    let answer = client.call(request).await.map_err(|cause| internal(cause.to_string()))?;
    let status = answer.status();
    let body = answer.into_body().collect().await.map_err(|cause| internal(cause.to_string()))?.to_bytes();
    if !status.is_success() {
        return Err(internal(format!("the secrets extension answered {status} for {arn}")));
    }
    Ok(serde_json::from_slice::<Secret>(&body)?.text)
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_arn_is_one_query_value() {
        assert_eq!(super::encoded("arn:aws:x/ü"), "arn%3Aaws%3Ax%2F%C3%BC");
    }
}
