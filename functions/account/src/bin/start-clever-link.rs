//! Start to add an account at Clever to the ways into the caller's account: gives the page to send the browser to.

use account::oidc::linking::{LinkingStarted, StartLinking};
use account::oidc::{Browser, Clever, attempt};
use account::recent_proof::RecentProof;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/auth/clever/link", start).or(502, "Clever cannot be reached right now"))
}

#[expect(clippy::too_many_arguments, reason = "a handler's parameters are its contract")]
async fn start(
    _: OwnSignIn,
    db: AccountsDb,
    user: User,
    clever: Clever,
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
        attempt::begin(&db, &clever, &browser, &wish.return_to, Some(&user)).await?;
    Ok(WithCookies(Json(LinkingStarted { location: address }), cookies))
}
