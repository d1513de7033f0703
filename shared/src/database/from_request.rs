//! The database as a handler's parameter.

use super::{Db, Login, target};
use crate::auth::Browser;
use crate::describe::Operation;
use crate::error::Result;
use crate::request::{FromRequest, Request};
use crate::settings::SettingError;

impl FromRequest for Db {
    fn start() -> Result<(), SettingError> {
        target::start(Login::Requests)
    }

    async fn from_request(request: &mut Request) -> Result<Db> {
        // With a caller to verify, connecting overlaps with that; a token or session that cannot be one needs no database. A
        // route that anybody may call connects when it has read what it was sent: garbage then costs no connection.
        let headers = &request.headers;
        let is_plausible = headers.contains_key(http::header::AUTHORIZATION) || Browser::may_be(headers);
        if request.has_caller && is_plausible {
            request.db.prepare().await;
        }
        Ok(request.db.clone())
    }

    fn describe(operation: &mut Operation) {
        operation.error(503, "The database cannot be reached; try again after `Retry-After` seconds");
    }
}
