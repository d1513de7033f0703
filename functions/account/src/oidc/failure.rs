//! Why a sign-in with a provider failed, for the log: in our words only, because a provider's answer may hold codes,
//! tokens and addresses.

use std::fmt;

use openidconnect::core::CoreErrorResponseType;
use openidconnect::{ClaimsVerificationError, DiscoveryError, RequestTokenError, SignatureVerificationError};
use openidconnect::{StandardErrorResponse, http::StatusCode};
use shared::error::{Error, unauthorized};

use super::http::HttpFailure;

/// A sentence without anything of the provider's.
#[derive(Debug)]
pub(super) struct Failure(pub(super) &'static str);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Failure {}

/// 401 in the one sentence that the browser gets.
#[track_caller]
pub(super) fn refused(failure: Failure) -> Error {
    unauthorized("Authentication failed. Please try again.").because(failure)
}

/// What the provider sent the browser back with instead of a code (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0,
/// section 3.1.2.6). Anybody can write it into the address, so only known ones are repeated.
pub(super) fn of_callback(error: &str) -> Failure {
    Failure(match error {
        "access_denied" => "the provider sent back: access_denied",
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
    })
}

impl From<HttpFailure> for Failure {
    fn from(failure: HttpFailure) -> Failure {
        Failure(match failure {
            HttpFailure::Unreachable => "the provider cannot be reached",
            HttpFailure::Slow => "the provider did not answer in time",
            HttpFailure::TooLarge => "the provider's answer is too large",
        })
    }
}

impl From<DiscoveryError<HttpFailure>> for Failure {
    fn from(error: DiscoveryError<HttpFailure>) -> Failure {
        Failure(match error {
            DiscoveryError::Request(failure) => return failure.into(),
            DiscoveryError::Parse(_) => "the provider's discovery document or keys cannot be read",
            DiscoveryError::Response(StatusCode::OK, ..) => {
                "the provider's discovery document or keys are no JSON"
            }
            DiscoveryError::Response(..) => "the provider refused its discovery document or its keys",
            DiscoveryError::Validation(_) => "the provider's discovery document is another issuer's",
            _ => "the provider's discovery document cannot be had",
        })
    }
}

type TokenError = RequestTokenError<HttpFailure, StandardErrorResponse<CoreErrorResponseType>>;

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Failure {
        Failure(match error {
            RequestTokenError::Request(failure) => return failure.into(),
            RequestTokenError::ServerResponse(response) => match response.error() {
                CoreErrorResponseType::InvalidClient => "the token endpoint answered invalid_client",
                CoreErrorResponseType::InvalidGrant => "the token endpoint answered invalid_grant",
                CoreErrorResponseType::InvalidRequest => "the token endpoint answered invalid_request",
                CoreErrorResponseType::UnauthorizedClient => {
                    "the token endpoint answered unauthorized_client"
                }
                _ => "the token endpoint answered an error",
            },
            RequestTokenError::Parse(..) => "the token endpoint's answer cannot be read",
            RequestTokenError::Other(_) => "the token endpoint's answer is empty or no JSON",
        })
    }
}

impl From<ClaimsVerificationError> for Failure {
    fn from(error: ClaimsVerificationError) -> Failure {
        Failure(match error {
            ClaimsVerificationError::Expired(_) => "the ID token is expired, or not of now",
            ClaimsVerificationError::InvalidAudience(_) => "the ID token is for another audience",
            ClaimsVerificationError::InvalidIssuer(_) => "the ID token is another issuer's",
            ClaimsVerificationError::InvalidNonce(_) => "the ID token's nonce is wrong",
            ClaimsVerificationError::SignatureVerification(cause) => match cause {
                SignatureVerificationError::NoMatchingKey => "the ID token's key is unknown",
                SignatureVerificationError::NoSignature => "the ID token is not signed",
                SignatureVerificationError::DisallowedAlg(_)
                | SignatureVerificationError::UnsupportedAlg(_) => "the ID token's algorithm is not allowed",
                _ => "the ID token's signature is wrong",
            },
            _ => "the ID token is not one",
        })
    }
}
