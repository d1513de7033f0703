//! Signing an app out: by one of its refresh tokens, or by whoever calls.

use shared::describe::Operation;
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;
use shared::request::{FromRequest, Request};

/// The refresh token of a body that need not be there; `None` also for a text that cannot be one.
pub struct OptionalRefreshToken(pub Option<OpaqueToken>);

/// What to sign out. The body may be absent: then the caller's own sign-in ends.
#[input]
struct LogoutBody {
    /// Any refresh token of the sign-in; without it, the caller's own sign-in ends.
    refresh_token: Option<Text<0, 256>>,
}

impl FromRequest for OptionalRefreshToken {
    const TAKES_JSON: bool = true;

    async fn from_request(request: &mut Request) -> Result<OptionalRefreshToken> {
        // A body that is no JSON is not passed over: who sent it would believe to be signed out.
        let token = match request.body.is_empty() {
            true => None,
            false => Json::<LogoutBody>::from_request(request).await?.0.refresh_token,
        };
        Ok(OptionalRefreshToken(token.and_then(|text| OpaqueToken::parse(text.as_str()))))
    }

    fn describe(operation: &mut Operation) {
        operation.body::<LogoutBody>();
        operation.request_body_is_optional = true;
        operation.error(400, "The body is not JSON, or a field is not what it must be");
    }
}
