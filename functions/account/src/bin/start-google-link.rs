//! Start to add an account at Google to the ways into the caller's account: gives the page to send the browser to.

use account::oidc::linking::{LinkingStarted, StartLinking};
use account::oidc::{Browser, Google, attempt};
use account::recent_proof::RecentProof;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/auth/google/link", start).or(502, "Google cannot be reached right now"))
}

#[expect(clippy::too_many_arguments, reason = "a handler's parameters are its contract")]
async fn start(
    _: OwnSignIn,
    db: AccountsDb,
    user: User,
    google: Google,
    browser: Browser,
    recent: RecentProof,
    client: Client,
    Json(wish): Json<StartLinking>,
) -> Result<WithCookies<Json<LinkingStarted>>> {
    recent.must_be_fresh(&db, &user, wish.password.as_ref()).await?;
    attempt::limit(&db, recent.limits(), &client).await?;
    let tx = db.begin(&user).await?;
    identity::ensure(&tx, &user).await?;
    tx.commit().await?;
    let attempt::Started { address, cookies } =
        attempt::begin(&db, &google, &browser, &wish.return_to, Some(&user)).await?;
    Ok(WithCookies(Json(LinkingStarted { location: address }), cookies))
}
