//! Sign a browser in with e-mail and password: sets the session's cookie.

use account::browser_session::{self, BrowserUser};
use account::credentials::{self, Credentials};
use account::password::Passwords;
use account::sign_in::{self, Method};
use shared::auth::KnownOrigin;
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/auth/login", login)
            .or(401, "invalid e-mail or password")
            .or(403, "the account is deactivated"),
    )
}

async fn login(
    _: OwnSignIn,
    _: KnownOrigin,
    db: AccountsDb,
    limits: Limits,
    passwords: Passwords,
    client: Client,
    Json(given): Json<Credentials>,
) -> Result<WithCookies<Json<BrowserUser>>> {
    let proven = credentials::verify(&db, &limits, &passwords, &client, &given).await?;
    let tx = db.begin_service().await?;
    let ((), secret, person) = tokio::try_join!(
        biased;
        proven.must_still_hold(&tx),
        sign_in::open_browser_with_secret(&tx, proven.user_id, &Method::Password, &client),
        browser_session::get(&tx, proven.user_id),
    )?;
    tx.commit().await?;
    Ok(WithCookies(Json(person.into_user(&secret)), vec![sign_in::cookie(&secret)?]))
}
