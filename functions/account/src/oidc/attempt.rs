//! A sign-in that is under way in one browser: what must come back, and what proves that we asked.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use shared::cookie::Cookie;
use shared::limit::{Limits, Rule};
use shared::opaque_token::OpaqueToken;
use shared::prelude::*;

use super::exchange::Request;
use super::failure::{Failure, Reason};
use super::{Browser, Callback, OidcClient, ReturnTo};

/// Ten minutes, in which a person may have to type a password and a second factor.
pub(super) const SECONDS: u32 = 600;

/// What was remembered of a sign-in when it started.
#[derive(FromRow)]
pub struct Attempt {
    /// What the ID token must repeat.
    pub(super) nonce: String,
    /// What the code challenge was made of (RFC 7636).
    pub(super) pkce_verifier: String,
    /// The page to come back to.
    pub return_to: String,
    /// Who adds a way in to their account; nobody in a sign-in.
    pub user_id: Option<Uuid>,
    /// The sign-in of this system by which they asked, if it was one.
    pub(super) sign_in_id: Option<Uuid>,
}

/// Where a browser goes, and the cookies that it takes along.
pub struct Started {
    /// The provider's page.
    pub address: String,
    /// The attempt's secret.
    pub cookies: Vec<Cookie>,
}

/// 429 after 600 attempts a minute from one network, which a whole district may share: each stores a row here and costs a
/// request at the provider under our name.
pub async fn limit(db: &AccountsDb, limits: &Limits, from: &Client) -> Result<()> {
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
    let Started { address, cookies } = begin(db, client, browser, return_to, None).await?;
    Ok(WithCookies(Redirect(address), cookies))
}

/// Starts an attempt, of a sign-in or of somebody who adds a way in to their account. 502 as [`start`].
pub async fn begin(
    db: &AccountsDb,
    client: &OidcClient,
    browser: &Browser,
    return_to: &ReturnTo,
    user: Option<&User>,
) -> Result<Started> {
    let (state, secret) = (OpaqueToken::generate()?, OpaqueToken::generate()?);
    let (nonce, verifier) = (OpaqueToken::generate()?.reveal(), OpaqueToken::generate()?.reveal());
    let request = Request {
        state: &state.reveal(),
        nonce: &nonce,
        challenge: &URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier)),
        // Who adds an account means one of theirs, and not the one that a school's computer happens to be signed in to.
        chooses_account: user.is_some(),
    };
    let address = client.authorization_url(&request).await?;
    let tx = db.begin_service().await?;
    tx.commit_with(async |tx| {
        tx.execute(
            "insert into identity.oidc_attempts
                 (state_hash, browser_hash, provider, nonce, pkce_verifier, return_to, expires_at, user_id, sign_in_id)
             values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second', $8, $9)",
            &[
                &state.hash(),
                &secret.hash(),
                &client.provider(),
                &nonce,
                &verifier,
                &return_to.as_str(),
                &i64::from(SECONDS),
                &user.map(|user| user.id),
                &user.and_then(|user| user.sign_in),
            ],
        )
        .await
    })
    .await?;
    Ok(Started { address, cookies: browser.cookies(&state, &secret, u64::from(SECONDS)) })
}

/// Takes out the attempt that the browser comes back from, so that its state works once. `None` for a state that is
/// missing, unknown, another browser's or provider's, used or expired. No connection is held afterwards, while the provider
/// is asked.
pub async fn take(
    db: &AccountsDb,
    client: &OidcClient,
    browser: &Browser,
    callback: &Callback,
) -> Result<Option<Attempt>> {
    let Some(state) = callback.state() else { return Ok(None) };
    let Some(secret) = browser.secret(&state) else { return Ok(None) };
    let tx = db.begin_service().await?;
    let attempt = tx
        .commit_with(async |tx| {
            tx.find(
                "delete from identity.oidc_attempts
                 where state_hash = $1 and browser_hash = $2 and provider = $3 and expires_at > now()
                 returning nonce, pkce_verifier, return_to, user_id, sign_in_id",
                &[&state.hash(), &secret.hash(), &client.provider()],
            )
            .await
        })
        .await?;
    db.release().await;
    Ok(attempt)
}

/// 403 for a state that leads to no attempt: in the same words whatever is wrong with it, because the difference helps only
/// somebody who guesses.
#[track_caller]
pub fn invalid_state() -> shared::error::Error {
    let failure = Failure::new(Reason::Expired, "no such attempt of this browser is under way");
    forbidden("Invalid state parameter").because(failure)
}
