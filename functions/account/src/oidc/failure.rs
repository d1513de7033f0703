//! Why a sign-in with a provider failed, for the log and for the page that a browser ends on: in our words only, because a
//! provider's answer may hold codes, tokens and addresses.

use std::fmt;

use shared::error::{Code, Error, unauthorized, upstream_unavailable};
use shared::{settings, text_enum};

use super::Provider;

text_enum! {
    /// What the web application is told of a sign-in that failed, as `error` of its page `/sign-in`.
    pub(super) enum Reason {
        /// The person, or their school, did not agree.
        Cancelled = "cancelled",
        /// The sign-in was too slow, was used before, or began in another browser.
        Expired = "expired",
        /// The provider did not say who this is, or not in a way to be believed.
        Failed = "failed",
        /// The provider, or this system, cannot do it right now.
        Unavailable = "unavailable",
        /// The e-mail address is another account's, which is signed in to as before.
        Exists = "exists",
        /// The account there is another person's way in.
        Taken = "taken",
        /// Whoever began to add a way in is not signed in any more, or as somebody else.
        SignedOut = "signed_out",
        /// An admin has deactivated the account.
        Deactivated = "deactivated",
        /// New accounts of this e-mail domain are not let in.
        NotLetIn = "not_let_in",
    }
}

/// A sentence without anything of the provider's.
#[derive(Debug)]
pub(super) struct Failure {
    reason: Reason,
    sentence: &'static str,
}

impl Failure {
    /// For a sign-in that ends in this way.
    pub(super) fn new(reason: Reason, sentence: &'static str) -> Failure {
        Failure { reason, sentence }
    }

    /// For a provider that does not work.
    pub(super) fn outage(sentence: &'static str) -> Failure {
        Failure::new(Reason::Unavailable, sentence)
    }

    /// For anything that is not as it must be.
    pub(super) fn refused(sentence: &'static str) -> Failure {
        Failure::new(Reason::Failed, sentence)
    }

    /// 502 if the provider does not work, else 401; each in the one sentence that the browser gets.
    #[track_caller]
    pub(super) fn at(self, provider: Provider) -> Error {
        let error = match self.reason {
            Reason::Unavailable => {
                upstream_unavailable(format!("{} cannot be reached right now", provider.label()))
            }
            _ => unauthorized("Authentication failed. Please try again."),
        };
        error.because(self)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence)
    }
}

impl std::error::Error for Failure {}

/// The page of the web application that tells people why they are not signed in.
pub(super) fn page(error: &Error) -> String {
    let reason = match (error.code(), error.cause_as::<Failure>()) {
        (_, Some(failure)) => failure.reason,
        (Code::Unauthorized, None) => Reason::Failed,
        // Every other 403 has a failure as its cause.
        (Code::Forbidden, None) => Reason::Deactivated,
        (Code::Conflict, None) => Reason::Exists,
        _ => Reason::Unavailable,
    };
    format!("{}/sign-in?error={}", settings::app_url(), reason.as_str())
}

/// What the provider sent the browser back with instead of a code (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0,
/// section 3.1.2.6). Anybody can write it into the address, so only known ones are repeated.
pub(super) fn of_callback(error: &str) -> Failure {
    let sentence = match error {
        "access_denied" => {
            return Failure::new(Reason::Cancelled, "the provider sent back: access_denied");
        }
        "unauthorized_client" => "the provider sent back: unauthorized_client",
        "invalid_request" => "the provider sent back: invalid_request",
        "invalid_scope" => "the provider sent back: invalid_scope",
        "unsupported_response_type" => "the provider sent back: unsupported_response_type",
        "server_error" => "the provider sent back: server_error",
        "temporarily_unavailable" => "the provider sent back: temporarily_unavailable",
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            "the provider sent back: interaction required"
        }
        _ => "the provider sent back an error that is none of the standard's",
    };
    // Also for `server_error`: whoever starts a sign-in can come back with it, and shall not raise an alarm.
    Failure::refused(sentence)
}

/// What the token endpoint said instead of a token (RFC 6749, section 5.2).
pub(super) fn of_token_endpoint(error: &str) -> Failure {
    match error {
        // Nobody's sign-in works then: the fault is in our registration.
        "invalid_client" => Failure::outage("the token endpoint answered invalid_client"),
        "unauthorized_client" => Failure::outage("the token endpoint answered unauthorized_client"),
        "invalid_grant" => Failure::refused("the token endpoint answered invalid_grant"),
        "invalid_request" => Failure::refused("the token endpoint answered invalid_request"),
        _ => Failure::refused("the token endpoint answered an error"),
    }
}
