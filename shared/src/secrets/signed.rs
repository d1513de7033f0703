//! One signed call of Secrets Manager's own API, for functions without the extension.
//!
//! Source: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

#![cfg_attr(
    all(test, not(feature = "signed-secrets")),
    expect(dead_code, reason = "without the feature only the tests call it")
)]

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, header};
use serde_json::{Value, json};

use super::Secret;
use crate::error::{Result, internal};
use crate::{fetch, settings};

/// Below every function's timeout, and within the time that a connection to the database may take.
const TIMEOUT: Duration = Duration::from_secs(4);
/// A secret has at most 64 KB.
const MAX_BYTES: usize = 256 * 1024;

/// Where to ask, and as whom.
struct Access {
    endpoint: String,
    region: String,
    credentials: Credentials,
}

pub(super) async fn text(arn: &str, stage: Option<&str>) -> Result<String> {
    read(&Access::of(arn, &settings::find)?, arn, stage).await
}

impl Access {
    /// By the function's own credentials, in the secret's region, unless `AWS_ENDPOINT_URL` says where else.
    fn of(arn: &str, find: &dyn Fn(&str) -> Option<String>) -> Result<Access> {
        let needed = |name: &str| find(name).ok_or_else(|| internal(format!("{name} must be set")));
        let mut parts = arn.split(':');
        let (partition, region) = (parts.nth(1).unwrap_or_default(), parts.nth(1));
        let region = match region {
            Some(region) if !region.is_empty() => region.to_owned(),
            _ => needed("AWS_REGION")?,
        };
        let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = find("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| find("AWS_ENDPOINT_URL"));
        Ok(Access {
            endpoint: endpoint.unwrap_or_else(|| format!("https://secretsmanager.{region}.{domain}")),
            region,
            credentials: Credentials::new(
                needed("AWS_ACCESS_KEY_ID")?,
                needed("AWS_SECRET_ACCESS_KEY")?,
                find("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
        })
    }
}

async fn read(access: &Access, arn: &str, stage: Option<&str>) -> Result<String> {
    let mut asked = json!({ "SecretId": arn });
    if let Some(stage) = stage {
        asked["VersionStage"] = stage.into();
    }
    let mut request = Request::post(format!("{}/", access.endpoint.trim_end_matches('/')))
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", "secretsmanager.GetSecretValue")
        .body(Bytes::from(asked.to_string()))?;
    sign_request(&mut request, access)?;
    let answer = fetch::send(request, TIMEOUT, MAX_BYTES).await.map_err(internal)?;
    if !answer.status().is_success() {
        // The error's name, and nothing else of the answer.
        let error: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let name = error["__type"].as_str().unwrap_or_default();
        return Err(internal(format!("Secrets Manager answered {} {name} for {arn}", answer.status())));
    }
    Ok(serde_json::from_slice::<Secret>(answer.body())?.text)
}

/// Adds the headers of AWS' signature, version 4.
fn sign_request(request: &mut Request<Bytes>, access: &Access) -> Result<()> {
    let identity = access.credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&access.region)
        .name("secretsmanager")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let uri = request.uri().to_string();
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| Ok((name.as_str(), value.to_str()?)))
        .collect::<Result<_>>()?;
    let signable =
        SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(request.body()))?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}

#[cfg(test)]
mod tests {
    use local::testkit::SecretsManager;

    use super::*;

    fn access(arn: &str, settings: &[(&'static str, String)]) -> Access {
        let find = |name: &str| {
            settings
                .iter()
                .find(|(found, value)| *found == name && !value.is_empty())
                .map(|(_, value)| value.clone())
        };
        Access::of(arn, &find).unwrap()
    }

    #[tokio::test]
    async fn a_secret_is_read_from_a_real_server() {
        let manager = SecretsManager::start().await;
        let arn = manager.create("praxis/database", "postgres://u:p@h/d").await;
        let access = access(&arn, &manager.environment());
        assert_eq!(read(&access, &arn, None).await.unwrap(), "postgres://u:p@h/d");
        manager.put(&arn, "another").await;
        assert_eq!(read(&access, &arn, None).await.unwrap(), "another", "nothing is kept");
        let cause = read(&access, &arn, Some("AWSPENDING")).await.unwrap_err().cause().unwrap();
        assert_eq!(
            cause,
            format!("Secrets Manager answered 404 Not Found ResourceNotFoundException for {arn}")
        );
    }

    #[tokio::test]
    async fn the_signature_is_checked_by_the_server_and_what_is_missing_is_said() {
        let manager = SecretsManager::start().await;
        let arn = manager.create("praxis/database", "hunter2").await;
        let settings = manager.user_without_rights().await;
        let cause = read(&access(&arn, &settings), &arn, None).await.unwrap_err().cause().unwrap();
        assert!(cause.contains("AccessDenied"), "{cause}");

        // Known, and not allowed to, is another answer than a signature by another key.
        let mut settings = settings;
        settings[3].1 = "another".to_owned();
        let cause = read(&access(&arn, &settings), &arn, None).await.unwrap_err().cause().unwrap();
        assert!(cause.contains("Signature"), "{cause}");
    }

    #[test]
    fn the_address_is_that_of_the_secrets_region() {
        let settings =
            [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")]
                .map(|(name, value)| (name, value.to_owned()));
        let endpoint = |arn: &str| access(arn, &settings).endpoint;
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:praxis/db-AbCdEf";
        assert_eq!(endpoint(arn), "https://secretsmanager.eu-central-1.amazonaws.com");
        assert_eq!(endpoint("praxis/db"), "https://secretsmanager.us-east-1.amazonaws.com");
        let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:praxis/db-AbCdEf";
        assert_eq!(endpoint(arn), "https://secretsmanager.cn-north-1.amazonaws.com.cn");
        let without = Access::of(arn, &|_| None).err().unwrap().cause().unwrap();
        assert_eq!(without, "AWS_ACCESS_KEY_ID must be set");
    }
}
