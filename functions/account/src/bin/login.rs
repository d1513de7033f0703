//! Sign an app in with e-mail and password.

use account::access_token::Signer;
use account::credentials::{self, Credentials};
use account::password::Passwords;
use account::refresh_token::{self, TokenPair};
use account::sign_in::{self, Method};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/identity/auth/login", login)
            .or(401, "invalid e-mail or password")
            .or(403, "the account is deactivated"),
    )
}

async fn login(
    _: OwnSignIn,
    db: AccountsDb,
    limits: Limits,
    passwords: Passwords,
    signer: Signer,
    client: Client,
    Json(given): Json<Credentials>,
) -> Result<Json<TokenPair>> {
    let proven = credentials::verify(&db, &limits, &passwords, &client, &given).await?;
    let tx = db.begin_service().await?;
    let ((), sign_in_id) = tokio::try_join!(
        biased;
        proven.must_still_hold(&tx),
        sign_in::open_app(&tx, proven.user_id, &Method::Password, &client),
    )?;
    let token = refresh_token::insert(&tx, sign_in_id, proven.user_id).await?;
    tx.commit().await?;
    let access = signer.issue(proven.user_id, sign_in_id, jiff::Timestamp::now())?;
    Ok(Json(TokenPair::new(access, &token)))
}
