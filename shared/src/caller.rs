//! Who may call: the parameters that guard a route.

use std::sync::OnceLock;

use http::header;
use sha2::{Digest, Sha256};

use crate::auth::{User, Verifier};
use crate::describe::Operation;
use crate::error::{Result, forbidden, internal, unauthorized};
use crate::request::{FromRequest, Request};
use crate::secrets;
use crate::settings::{self, Environment, SettingError};

static VERIFIER: OnceLock<Verifier> = OnceLock::new();

/// Any signed-in person. 401 without a valid token.
impl FromRequest for User {
    const HAS_CALLER: bool = true;

    fn start() -> Result<(), SettingError> {
        let verifier = Verifier::from_settings(&settings::find)?;
        VERIFIER.get_or_init(|| verifier);
        Ok(())
    }

    async fn from_request(request: &mut Request) -> Result<User> {
        let verifier = VERIFIER.get().ok_or_else(|| internal("the verifier was not started"))?;
        let user = verifier.verify(request.header(header::AUTHORIZATION.as_str())).await?;
        request.user_id = Some(user.id);
        Ok(user)
    }

    fn describe(operation: &mut Operation) {
        operation.security = Some("user");
        operation.error(401, "No valid access token");
    }
}

/// Who operates the product: `Authorization: Bearer <OPS_TOKEN>`. Without that setting the route is open in development
/// and closed (403) in production.
pub struct Operator;

impl FromRequest for Operator {
    const HAS_CALLER: bool = true;

    async fn from_request(request: &mut Request) -> Result<Operator> {
        let token = match (settings::find("OPS_TOKEN"), settings::find("OPS_SECRET_ARN")) {
            (Some(token), _) => token,
            (None, Some(arn)) => operator_secret(&arn).await?,
            (None, None) if Environment::current() == Environment::Production => {
                return Err(forbidden("closed: OPS_TOKEN is not set"));
            }
            (None, None) => return Ok(Operator),
        };
        let given =
            request.header(header::AUTHORIZATION.as_str()).and_then(|text| text.strip_prefix("Bearer "));
        // Digests are compared, so that the time says nothing about how much of a guess was right.
        match given {
            Some(given) if Sha256::digest(given.trim()) == Sha256::digest(&token) => Ok(Operator),
            _ => Err(unauthorized("missing or wrong operations token")),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.security = Some("operator");
        operation.error(401, "No valid operations token");
        operation.error(403, "In production without `OPS_TOKEN` the route is closed");
    }
}

/// Read once per sandbox.
async fn operator_secret(arn: &str) -> Result<String> {
    static SECRET: OnceLock<String> = OnceLock::new();
    match SECRET.get() {
        Some(secret) => Ok(secret.clone()),
        None => {
            let secret = secrets::get(arn).await?.trim().to_owned();
            Ok(SECRET.get_or_init(|| secret).clone())
        }
    }
}
