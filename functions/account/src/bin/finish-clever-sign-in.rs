//! Finish a sign-in with Clever: the browser comes back with a code, and goes on signed in.

use account::oidc::{self, Browser, Callback, Clever, ReturnTo, attempt, external_account};
use account::sign_in;
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        get("/api/v1/auth/clever/callback", finish)
            .or(401, "Clever did not say who this is, or not in a way to be believed")
            .or(403, "The state is unknown, used, expired or another browser's")
            .or(403, "The account is deactivated")
            .or(409, "The e-mail address is another account's")
            .or(502, "Clever cannot be reached right now"),
    )
}

async fn finish(
    _: OwnSignIn,
    db: AccountsDb,
    clever: Clever,
    browser: Browser,
    limits: Limits,
    client: Client,
    Query(callback): Query<Callback>,
) -> Result<WithCookies<Redirect>> {
    let finished = async {
        attempt::limit(&db, &limits, &client).await?;
        // Out of Clever's portal people come with a code that nobody here asked for.
        if callback.is_unasked() {
            return attempt::start(&db, &clever, &browser, &ReturnTo::default()).await;
        }
        let attempt = attempt::take(&db, &clever, &browser, &callback).await?;
        let identity = clever.identify(&attempt, &callback).await?;
        let tx = db.begin_service().await?;
        let user_id = external_account::sign_in(&tx, &identity).await?;
        let session = sign_in::open_browser(&tx, user_id, clever.provider().as_str(), &client).await?;
        tx.commit().await?;
        Ok(WithCookies(Redirect(oidc::page(&attempt.return_to)), vec![session]))
    };
    browser.tell(finished.await)
}
