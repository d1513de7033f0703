//! Secrets Manager, by AWS' SDK: what a rotation and `cargo local keys` need of it.
//!
//! Where it is and who asks is found as by AWS' own tools: `AWS_REGION`, `AWS_ENDPOINT_URL`, credentials of the
//! environment, of a profile or of the machine.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use shared::error::{Error, Result, internal, upstream_unavailable};

use crate::transport;

/// The label of the version that everybody reads.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of the version that a rotation prepares.
pub const PENDING: &str = "AWSPENDING";

/// Access to the secrets.
pub struct Store {
    client: Client,
}

/// What a secret is, without its text.
pub struct Description {
    /// Whether a rotation is set up.
    pub rotates: bool,
    /// The labels of each version.
    pub stages: HashMap<String, Vec<String>>,
}

/// A version of a secret.
pub struct Version {
    /// What it holds.
    pub text: String,
    /// When it was stored, in seconds since 1970.
    pub created: i64,
}

impl Description {
    /// Whether the version has the label.
    pub fn has(&self, version: &str, stage: &str) -> bool {
        self.stages.get(version).is_some_and(|stages| stages.iter().any(|found| found == stage))
    }

    /// The version with the label.
    pub fn version(&self, stage: &str) -> Option<&str> {
        self.stages.keys().find(|version| self.has(version, stage)).map(String::as_str)
    }
}

impl Store {
    /// Reads the settings; asks nobody for a secret yet.
    pub async fn open() -> Store {
        let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(transport::client());
        Store { client: Client::new(&loader.load().await) }
    }

    /// Describes a secret.
    pub async fn describe(&self, secret: &str) -> Result<Description> {
        let answer = self.client.describe_secret().secret_id(secret).send().await;
        let answer = answer.map_err(|error| failure("describe", secret, &error))?;
        Ok(Description {
            rotates: answer.rotation_enabled.unwrap_or(false),
            stages: answer.version_ids_to_stages.unwrap_or_default(),
        })
    }

    /// The version that everybody reads; `None` if there is no such secret, or it is empty.
    pub async fn current(&self, secret: &str) -> Result<Option<Version>> {
        self.read(secret, None, CURRENT).await
    }

    /// The version that the rotation `token` prepares; `None` while it has no text.
    pub async fn pending(&self, secret: &str, token: &str) -> Result<Option<Version>> {
        self.read(secret, Some(token), PENDING).await
    }

    async fn read(&self, secret: &str, version: Option<&str>, stage: &str) -> Result<Option<Version>> {
        let request = self.client.get_secret_value().secret_id(secret).version_stage(stage);
        match request.set_version_id(version.map(str::to_owned)).send().await {
            Ok(answer) => Ok(answer.secret_string.map(|text| Version {
                text,
                created: answer.created_date.map_or(i64::MAX, |date| date.secs()),
            })),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(failure("read", secret, &error)),
        }
    }

    /// Gives the version `token` its text. What it has already stays: then this changes nothing.
    pub async fn prepare(&self, secret: &str, token: &str, text: String) -> Result<()> {
        let request = self.client.put_secret_value().secret_id(secret).client_request_token(token);
        match request.secret_string(text).version_stages(PENDING).send().await {
            // Another run of the same step was quicker.
            Err(error) if error.code() == Some("ResourceExistsException") => Ok(()),
            Err(error) => Err(failure("write", secret, &error)),
            Ok(_) => Ok(()),
        }
    }

    /// Stores a text that everybody reads from now on. A secret that does not exist is created if `secret` is a name;
    /// gives its ARN.
    pub async fn put(&self, secret: &str, text: String) -> Result<String> {
        let request = self.client.put_secret_value().secret_id(secret).secret_string(&text);
        let arn = match request.send().await {
            Ok(answer) => answer.arn,
            Err(error)
                if error.code() == Some("ResourceNotFoundException") && !secret.starts_with("arn:") =>
            {
                let created = self.client.create_secret().name(secret).secret_string(text).send().await;
                created.map_err(|error| failure("create", secret, &error))?.arn
            }
            Err(error) => return Err(failure("write", secret, &error)),
        };
        arn.ok_or_else(|| internal("Secrets Manager names no ARN"))
    }

    /// Makes the version `to` the one that everybody reads, instead of `from`.
    pub async fn make_current(&self, secret: &str, from: &str, to: &str) -> Result<()> {
        let request = self.client.update_secret_version_stage().secret_id(secret).version_stage(CURRENT);
        let moved = request.remove_from_version_id(from).move_to_version_id(to).send().await;
        moved.map(drop).map_err(|error| failure("switch", secret, &error))
    }
}

/// Says what failed and why, in AWS' words where it answered. Nothing of a secret's text is in them.
#[track_caller]
fn failure<E>(act: &str, secret: &str, error: &SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let why = match (error.code(), error.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or("no further word")),
        (None, _) => {
            let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
            let causes: Vec<_> = causes.map(ToString::to_string).collect();
            format!("{error}: {}", causes.join(": "))
        }
    };
    upstream_unavailable("Secrets Manager failed").because(format!("cannot {act} the secret {secret}: {why}"))
}
