//! Exchange a refresh token for the next pair of tokens.

use account::access_token::Signer;
use account::refresh_token::{self, RefreshTokenBody, TokenPair};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/identity/auth/refresh", refresh)
            .or(401, "invalid or expired refresh token")
            .or(403, "the account is deactivated"),
    )
}

async fn refresh(
    _: OwnSignIn,
    db: AccountsDb,
    limits: Limits,
    signer: Signer,
    Json(given): Json<RefreshTokenBody>,
) -> Result<Json<TokenPair>> {
    let token = given.token()?;
    refresh_token::limit(&db, &limits, &token).await?;
    let exchanged = refresh_token::exchange(db.begin_service().await?, &token).await?;
    let access = signer.issue(exchanged.user_id, exchanged.sign_in_id, exchanged.signed_in_at)?;
    Ok(Json(TokenPair::new(access, &exchanged.token)))
}
