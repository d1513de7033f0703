//! Start a sign-in with Google: sends the browser there.

use account::oidc::{Browser, Google, StartSignIn, attempt};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/auth/google/login", start).or(502, "Google cannot be reached right now"))
}

async fn start(
    _: OwnSignIn,
    db: AccountsDb,
    google: Google,
    browser: Browser,
    limits: Limits,
    client: Client,
    Query(wish): Query<StartSignIn>,
) -> Result<WithCookies<Redirect>> {
    let started = async {
        attempt::limit(&db, &limits, &client).await?;
        attempt::start(&db, &google, &browser, &wish.return_to).await
    };
    browser.tell(started.await)
}
