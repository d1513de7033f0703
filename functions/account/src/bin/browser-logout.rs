//! Sign a browser out and take its cookie away; again changes nothing.

use account::optional_caller::Visitor;
use account::sign_in;
use shared::auth::SESSION_COOKIE;
use shared::cookie::Cookie;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/auth/logout", logout))
}

/// What was done.
#[answer]
struct SignedOut {
    /// One English sentence.
    message: &'static str,
}

async fn logout(db: AccountsDb, Visitor(caller): Visitor) -> Result<WithCookies<Json<SignedOut>>> {
    if let Some((user_id, sign_in_id)) = caller.and_then(|user| Some((user.id, user.sign_in?))) {
        let tx = db.begin_service().await?;
        sign_in::sign_out(&tx, user_id, sign_in_id).await?;
        tx.commit().await?;
    }
    let message = SignedOut { message: "Logged out successfully" };
    Ok(WithCookies(Json(message), vec![Cookie::removal(SESSION_COOKIE)]))
}
