//! Start a sign-in with Clever: sends the browser there.

use account::oidc::{Browser, Clever, StartSignIn, attempt};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/auth/clever/login", start).or(502, "Clever cannot be reached right now"))
}

async fn start(
    _: OwnSignIn,
    db: AccountsDb,
    clever: Clever,
    browser: Browser,
    limits: Limits,
    client: Client,
    Query(wish): Query<StartSignIn>,
) -> Result<WithCookies<Redirect>> {
    let started = async {
        attempt::limit(&db, &limits, &client).await?;
        attempt::start(&db, &clever, &browser, &wish.return_to).await
    };
    browser.tell(started.await)
}
