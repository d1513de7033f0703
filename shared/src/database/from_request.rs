//! The database as a handler's parameter.

use super::{Db, target};
use crate::auth::Browser;
use crate::describe::Operation;
use crate::error::Result;
use crate::request::{FromRequest, Request};
use crate::settings::SettingError;

impl FromRequest for Db {
    fn start() -> Result<(), SettingError> {
        target::start()
    }

    async fn from_request(request: &mut Request) -> Result<Db> {
        // Without a token or session there will be no answer that needs the database, unless the route is public.
        let headers = &request.headers;
        if !request.has_caller
            || headers.contains_key(http::header::AUTHORIZATION)
            || Browser::is_named(headers)
        {
            request.db.prepare().await;
        }
        Ok(request.db.clone())
    }

    fn describe(operation: &mut Operation) {
        operation.error(503, "The database cannot be reached; try again after `Retry-After` seconds");
    }
}
