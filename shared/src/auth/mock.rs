//! Development's tokens, `mock_<uuid>`: whoever knows an id is that person.

use jiff::Timestamp;
use uuid::Uuid;

use crate::auth::User;
use crate::error::{Result, unauthorized};

/// What every mock token begins with; no JWT does.
pub(super) const PREFIX: &str = "mock_";

/// The person that a mock token names.
pub(super) fn user(token: &str) -> Result<User> {
    let id = token.strip_prefix(PREFIX).ok_or_else(|| unauthorized("invalid mock token"))?.trim();
    if id.is_empty() {
        return Err(unauthorized("invalid mock token user id"));
    }
    let id = Uuid::parse_str(id).map_err(|_| unauthorized("mock user id must be a valid UUID"))?;
    let user = User::new(id, Some(&format!("{id}@mock.local")), Some("Mock User"));
    // Each request is as good a proof as any.
    Ok(User { authenticated_at: Some(Timestamp::now()), ..user })
}
