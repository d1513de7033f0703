//! Finish a sign-in with Google, or the adding of an account there: the browser comes back with a code, and goes on.

use account::oidc::{Browser, Callback, Google, arrival, attempt};
use account::optional_caller::MaybeUser;
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        get("/api/v1/auth/google/callback", finish)
            .or(401, "Google did not say who this is, or not in a way to be believed")
            .or(403, "The state is missing, unknown, used, expired or another browser's")
            .or(403, "The account is deactivated, or new ones of this e-mail domain are not let in")
            .or(403, "Whoever adds an account is not signed in any more")
            .or(
                409,
                "The e-mail address is another account's, or the account at Google another person's way in",
            )
            .or(502, "Google cannot be reached right now"),
    )
}

#[expect(clippy::too_many_arguments, reason = "a handler's parameters are its contract")]
async fn finish(
    _: OwnSignIn,
    db: AccountsDb,
    google: Google,
    browser: Browser,
    MaybeUser(caller): MaybeUser,
    limits: Limits,
    client: Client,
    Query(callback): Query<Callback>,
) -> Result<WithCookies<Redirect>> {
    let finished = async {
        attempt::limit(&db, &limits, &client).await?;
        arrival::arrive(&db, &google, &browser, &client, caller.as_ref(), &callback).await
    };
    browser.tell(finished.await)
}
