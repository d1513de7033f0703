//! The way to a provider, and the way back with a code that becomes an [`Identity`].

use std::time::{SystemTime, UNIX_EPOCH};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenClaims,
    IdTokenFields, Nonce, PkceCodeChallenge, PkceCodeVerifier, Scope, SignatureVerificationError,
    StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
};
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;

use super::attempt::{self, Attempt};
use super::claims::CleverClaims;
use super::failure::{self, Failure};
use super::{Callback, Identity, OidcClient, http, metadata};

type Claims = IdTokenClaims<CleverClaims, CoreGenderClaim>;

type SignedClaims =
    IdToken<CleverClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

type TokenResponse = StandardTokenResponse<
    IdTokenFields<
        CleverClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type ProtocolClient = openidconnect::Client<
    CleverClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    TokenResponse,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// How far a provider's clock may be ahead of ours, in seconds.
const SKEW: i64 = 120;

impl OidcClient {
    /// Where a browser signs in. 502 if the provider's discovery document cannot be had.
    pub(super) async fn authorization_url(
        &self,
        state: &OpaqueToken,
        nonce: &Nonce,
        challenge: PkceCodeChallenge,
    ) -> Result<String> {
        let (metadata, _) = metadata::get(&self.issuer).await.map_err(|failure| failure.at(self.provider))?;
        let client = self.client(metadata);
        let (state, nonce) = (CsrfToken::new(state.reveal()), nonce.clone());
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let (address, ..) = client
            .authorize_url(flow, || state, || nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Ok(address.into())
    }

    /// The person whom the browser came back as. 502 if the provider does not work, 401 for whatever else is wrong; the log
    /// says what.
    pub async fn identify(&self, attempt: &Attempt, callback: &Callback) -> Result<Identity> {
        if let Some(error) = &callback.error {
            return Err(failure::of_callback(error).at(self.provider));
        }
        let Some(code) = &callback.code else {
            return Err(Failure::refused("the browser came back without a code").at(self.provider));
        };
        let claims = self.claims(attempt, code).await.map_err(|failure| failure.at(self.provider))?;
        Identity::read(self.provider, &claims)
    }

    /// The verified claims of the ID token that a code stands for.
    async fn claims(&self, attempt: &Attempt, code: &str) -> Result<Claims, Failure> {
        let (metadata, is_new) = metadata::get(&self.issuer).await?;
        let client = self.client(metadata);
        let exchange = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| Failure::outage("the provider has no token endpoint"))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.pkce_verifier.clone()));
        let tokens = exchange.request_async(&http::send).await?;
        let signed = tokens.id_token().ok_or(Failure::refused("the token endpoint gave no ID token"))?;
        let nonce = Nonce::new(attempt.nonce.clone());
        match verified(&client, signed, &nonce) {
            // The provider may have changed its keys since they were fetched.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) if !is_new => {
                let metadata = metadata::fetch(&self.issuer).await?;
                Ok(verified(&self.client(metadata), signed, &nonce)?)
            }
            outcome => Ok(outcome?),
        }
    }

    fn client(&self, metadata: CoreProviderMetadata) -> ProtocolClient {
        // HTTP Basic is what a provider takes unless it says otherwise (OpenID Connect Discovery 1.0, section 3).
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes_basic =
            methods.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth_type = if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        let (id, secret) = (self.client_id.clone(), self.client_secret.clone());
        ProtocolClient::from_provider_metadata(metadata, id, Some(secret))
            .set_auth_type(auth_type)
            .set_redirect_uri(self.redirect_url.clone())
    }
}

/// Checks signature, issuer, audience, expiry, time of issue and nonce (OpenID Connect Core 1.0, section 3.1.3.7).
fn verified(
    client: &ProtocolClient,
    signed: &SignedClaims,
    nonce: &Nonce,
) -> Result<Claims, ClaimsVerificationError> {
    // Public keys only: with HS256 whoever knows the client's secret could sign.
    let algorithms =
        [CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256, CoreJwsSigningAlgorithm::EcdsaP256Sha256];
    let verifier =
        client.id_token_verifier().set_allowed_algs(algorithms).set_issue_time_verifier_fn(|issued| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let age = i64::try_from(now).unwrap_or_default() - issued.timestamp();
            // It was made for this attempt.
            let limit = i64::try_from(attempt::SECONDS).unwrap_or_default() + SKEW;
            if (-SKEW..=limit).contains(&age) { Ok(()) } else { Err("not of now".to_owned()) }
        });
    signed.claims(&verifier, nonce).cloned()
}
