//! One signed call of Secrets Manager's own API, for functions without the extension.
//!
//! Source: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

#![cfg_attr(
    all(test, not(feature = "signed-secrets")),
    expect(dead_code, reason = "without the feature only the tests call it")
)]

use std::time::Duration;

use serde_json::json;

use super::Secret;
use crate::aws::{self, Access, Operation};
use crate::error::{Result, internal};
use crate::fetch::Cause;
use crate::settings;

/// Below every function's timeout, and within the time that a connection to the database may take.
const TIMEOUT: Duration = Duration::from_secs(4);
/// A secret has at most 64 KB.
const MAX_BYTES: usize = 256 * 1024;

const GET_SECRET_VALUE: Operation = Operation {
    service: "secretsmanager",
    target: "secretsmanager.GetSecretValue",
    content_type: "application/x-amz-json-1.1",
};

pub(super) async fn text(arn: &str, stage: Option<&str>) -> Result<String> {
    read(&access(arn, &settings::find).map_err(internal)?, arn, stage).await
}

/// By the function's own credentials, in the secret's region, unless `AWS_ENDPOINT_URL` says where else.
fn access(arn: &str, find: &dyn Fn(&str) -> Option<String>) -> Result<Access, Cause> {
    let mut parts = arn.split(':');
    let (partition, region) = (parts.nth(1).unwrap_or_default(), parts.nth(1));
    let region = match region {
        Some(region) if !region.is_empty() => region.to_owned(),
        _ => aws::needed("AWS_REGION", find)?,
    };
    let domain = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = find("AWS_ENDPOINT_URL_SECRETS_MANAGER").or_else(|| find("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.unwrap_or_else(|| format!("https://secretsmanager.{region}.{domain}"));
    Access::new(endpoint, region, find)
}

async fn read(access: &Access, arn: &str, stage: Option<&str>) -> Result<String> {
    let mut asked = json!({ "SecretId": arn });
    if let Some(stage) = stage {
        asked["VersionStage"] = stage.into();
    }
    let answer = access.call(&GET_SECRET_VALUE, &asked, TIMEOUT, MAX_BYTES).await.map_err(internal)?;
    if !answer.status().is_success() {
        return Err(internal(format!("Secrets Manager answered {} for {arn}", aws::refusal(&answer))));
    }
    Ok(serde_json::from_slice::<Secret>(answer.body())?.text)
}

#[cfg(test)]
mod tests {
    use local::testkit::SecretsManager;

    use super::*;

    fn access_by(arn: &str, settings: &[(&'static str, String)]) -> Access {
        let find = |name: &str| {
            settings
                .iter()
                .find(|(found, value)| *found == name && !value.is_empty())
                .map(|(_, value)| value.clone())
        };
        access(arn, &find).unwrap()
    }

    #[tokio::test]
    async fn a_secret_is_read_from_a_real_server() {
        let manager = SecretsManager::start().await;
        let arn = manager.create("praxis/database", "postgres://u:p@h/d").await;
        let access = access_by(&arn, &manager.environment());
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
        let cause = read(&access_by(&arn, &settings), &arn, None).await.unwrap_err().cause().unwrap();
        assert!(cause.contains("AccessDenied"), "{cause}");

        // Known, and not allowed to, is another answer than a signature by another key.
        let mut settings = settings;
        settings[3].1 = "another".to_owned();
        let cause = read(&access_by(&arn, &settings), &arn, None).await.unwrap_err().cause().unwrap();
        assert!(cause.contains("Signature"), "{cause}");
    }

    #[test]
    fn the_address_is_that_of_the_secrets_region() {
        let settings =
            [("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")]
                .map(|(name, value)| (name, value.to_owned()));
        let endpoint = |arn: &str| access_by(arn, &settings).endpoint;
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:praxis/db-AbCdEf";
        assert_eq!(endpoint(arn), "https://secretsmanager.eu-central-1.amazonaws.com");
        assert_eq!(endpoint("praxis/db"), "https://secretsmanager.us-east-1.amazonaws.com");
        let arn = "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:praxis/db-AbCdEf";
        assert_eq!(endpoint(arn), "https://secretsmanager.cn-north-1.amazonaws.com.cn");
        let without = access(arn, &|_| None).err().unwrap();
        assert_eq!(without.to_string(), "AWS_ACCESS_KEY_ID must be set");
    }
}
