//! A sign-in that is under way in one browser: what must come back, and what proves that we asked.

use std::time::Duration;

use openidconnect::{Nonce, PkceCodeChallenge};
use shared::limit::{Limits, Rule};
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;

use super::failure::{Failure, Reason};
use super::{Browser, Callback, OidcClient, ReturnTo};

/// Ten minutes, in which a person may have to type a password and a second factor.
pub(super) const SECONDS: u64 = 600;

/// What was remembered of a sign-in when it started.
#[derive(FromRow)]
pub struct Attempt {
    /// What the ID token must repeat.
    pub(super) nonce: String,
    /// What the code challenge was made of (RFC 7636).
    pub(super) pkce_verifier: String,
    /// The page to come back to.
    pub return_to: String,
}

/// 429 after 600 attempts a minute from one network, which a whole district may share: each stores a row here and costs a
/// request at the provider under our name.
pub async fn limit(db: &Db, limits: &Limits, from: &Client) -> Result<()> {
    let minute = Duration::from_secs(60);
    limits.take(db, &Rule::of_network("oidc:network", from, 600, minute)).await
}

/// Starts a sign-in: remembers it for this browser, which is sent to the provider. 502 if the provider's discovery
/// document cannot be had.
pub async fn start(
    db: &AccountsDb,
    client: &OidcClient,
    browser: &Browser,
    return_to: &ReturnTo,
) -> Result<WithCookies<Redirect>> {
    let state = OpaqueToken::generate()?;
    let nonce = Nonce::new_random();
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let address = client.authorization_url(&state, &nonce, challenge).await?;
    let tx = db.begin_service().await?;
    tx.commit_with(async |tx| {
        tx.execute(
            "insert into identity.oidc_attempts
                 (state_hash, browser_hash, provider, nonce, pkce_verifier, return_to, expires_at)
             values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')",
            &[
                &state.hash(),
                &browser.hash(),
                &client.provider(),
                nonce.secret(),
                verifier.secret(),
                &return_to.as_str(),
                &i64::try_from(SECONDS)?,
            ],
        )
        .await
    })
    .await?;
    Ok(WithCookies(Redirect(address), vec![browser.cookie(SECONDS)]))
}

/// Takes out the attempt that the browser comes back from, so that its state works once. 403 for a state that is missing,
/// unknown, another browser's or provider's, used or expired: in the same words, because the difference helps only
/// somebody who guesses. No connection is held afterwards, while the provider is asked.
pub async fn take(
    db: &AccountsDb,
    client: &OidcClient,
    browser: &Browser,
    callback: &Callback,
) -> Result<Attempt> {
    let state = callback.state.as_deref().and_then(OpaqueToken::parse).ok_or_else(invalid_state)?;
    let tx = db.begin_service().await?;
    let attempt = tx
        .commit_with(async |tx| {
            tx.find(
                "delete from identity.oidc_attempts
                 where state_hash = $1 and browser_hash = $2 and provider = $3 and expires_at > now()
                 returning nonce, pkce_verifier, return_to",
                &[&state.hash(), &browser.hash(), &client.provider()],
            )
            .await
        })
        .await?;
    db.release().await;
    attempt.ok_or_else(invalid_state)
}

#[track_caller]
fn invalid_state() -> shared::error::Error {
    let failure = Failure::new(Reason::Expired, "no such attempt of this browser is under way");
    forbidden("Invalid state parameter").because(failure)
}
