//! A browser that comes back from a provider: it goes on signed in, or with one way in more.

use shared::prelude::*;

use super::{Browser, Callback, OidcClient, attempt, external_account, linking, page};
use crate::sign_in::{self, Method};

/// Finishes the attempt that the browser comes back from. 403 without one, unless the page was loaded again after it had
/// signed somebody in; else as [`external_account::sign_in`] and [`linking::link`] refuse.
pub async fn arrive(
    db: &AccountsDb,
    client: &OidcClient,
    browser: &Browser,
    from: &Client,
    caller: Option<&User>,
    callback: &Callback,
) -> Result<WithCookies<Redirect>> {
    let Some(attempt) = attempt::take(db, client, browser, callback).await? else {
        return match (caller, callback.state()) {
            (Some(_), Some(_)) => Ok(WithCookies(Redirect(page("/")), Vec::new())),
            _ => Err(attempt::invalid_state()),
        };
    };
    let identity = client.identify(&attempt, callback).await?;
    let mut cookies: Vec<_> = callback.state().iter().map(|state| browser.done(state)).collect();
    let tx = db.begin_service().await?;
    if attempt.user_id.is_some() {
        linking::link(&tx, &identity, &attempt, caller).await?;
    } else {
        let known = external_account::sign_in(&tx, &identity, caller, from).await?;
        let method = Method::ExternalAccount { provider: client.provider(), id: known.account_id };
        cookies.push(sign_in::open_browser(&tx, known.user_id, &method, from).await?);
    }
    tx.commit().await?;
    Ok(WithCookies(Redirect(page(&attempt.return_to)), cookies))
}
