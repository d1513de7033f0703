//! Routes that work for anybody and do more for somebody who is signed in.

use shared::describe::Operation;
use shared::error::Code;
use shared::prelude::*;
use shared::request::{FromRequest, Request};
use shared::settings::SettingError;

use crate::person;

/// The caller, if there is a valid token or session. A session's write still needs its CSRF token, and a deactivated
/// person's session opens nothing: 403.
pub struct Visitor(pub Option<User>);

/// The caller, if there is a valid token or session, a write by a session with its CSRF token, and the sign-in lives; whoever
/// is not let in is nobody.
pub struct MaybeUser(pub Option<User>);

/// The caller, if it is an admin; anybody else is nobody.
pub struct MaybeAdmin(pub Option<User>);

impl FromRequest for Visitor {
    fn start() -> Result<(), SettingError> {
        User::start()
    }

    async fn from_request(request: &mut Request) -> Result<Visitor> {
        match User::from_request(request).await {
            Ok(user) => Ok(Visitor(Some(user))),
            Err(error) if error.code() == Code::Unauthorized => Ok(Visitor(None)),
            Err(error) => Err(error),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.security = Some("user");
        operation.security_is_optional = true;
        operation.error(403, "The account is deactivated, or a write by a session lacks its CSRF token");
    }
}

impl FromRequest for MaybeUser {
    fn start() -> Result<(), SettingError> {
        User::start()
    }

    async fn from_request(request: &mut Request) -> Result<MaybeUser> {
        let outcome = match User::from_request(request).await {
            // A token says nothing of a sign-in that has ended since.
            Ok(user) => person::must_be_active(&request.db, &user).await.map(|()| user),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(user) => Ok(MaybeUser(Some(user))),
            Err(error) if matches!(error.code(), Code::Unauthorized | Code::Forbidden) => Ok(MaybeUser(None)),
            Err(error) => Err(error),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.security = Some("user");
        operation.security_is_optional = true;
    }
}

impl FromRequest for MaybeAdmin {
    fn start() -> Result<(), SettingError> {
        Admin::start()
    }

    async fn from_request(request: &mut Request) -> Result<MaybeAdmin> {
        match Admin::from_request(request).await {
            Ok(Admin(user)) => Ok(MaybeAdmin(Some(user))),
            Err(error) if matches!(error.code(), Code::Unauthorized | Code::Forbidden) => {
                Ok(MaybeAdmin(None))
            }
            Err(error) => Err(error),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.security = Some("user");
        operation.security_is_optional = true;
    }
}
