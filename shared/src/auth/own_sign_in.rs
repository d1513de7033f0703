//! The gate of Praxis's own sign-in, which `AUTH_MODE` opens.

use std::sync::OnceLock;

use crate::auth::settings::Modes;
use crate::describe::Operation;
use crate::error::{Result, unavailable};
use crate::request::{FromRequest, Request};
use crate::settings::{self, SettingError};

/// How long sign-ins last.
const LIFETIMES: [&str; 4] =
    ["SESSION_IDLE_MINUTES", "SESSION_MAX_DAYS", "REFRESH_IDLE_DAYS", "SIGN_IN_MAX_DAYS"];
/// Two years of minutes, and of days no more than a date with four digits holds.
const LONGEST: u64 = 1_000_000;

static IS_ON: OnceLock<bool> = OnceLock::new();

/// The first parameter of a route that makes an account or a sign-in of this system, or mails the way to one: 503 without
/// `praxis` in `AUTH_MODE`, before anything is done. Its start checks how long sign-ins last.
pub struct OwnSignIn;

impl FromRequest for OwnSignIn {
    fn start() -> Result<(), SettingError> {
        for name in LIFETIMES {
            if settings::number(name, 1, 1)? > LONGEST {
                return Err(format!("{name} must be at most {LONGEST}"));
            }
        }
        let is_on = Modes::of(&settings::find)?.praxis;
        IS_ON.get_or_init(|| is_on);
        Ok(())
    }

    async fn from_request(_: &mut Request) -> Result<OwnSignIn> {
        match IS_ON.get() {
            Some(true) => Ok(OwnSignIn),
            _ => Err(unavailable("sign-in is not configured", 3600)),
        }
    }

    fn describe(operation: &mut Operation) {
        operation.error(503, "Sign-in is not configured");
    }
}
