//! Sign an app out; again changes nothing.

use account::logout::OptionalRefreshToken;
use account::optional_caller::Visitor;
use account::{refresh_token, sign_in};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/auth/logout", logout))
}

async fn logout(
    db: AccountsDb,
    Visitor(caller): Visitor,
    OptionalRefreshToken(token): OptionalRefreshToken,
) -> Result<NoContent> {
    let tx = db.begin_service().await?;
    let (user_id, sign_in_id) = match token {
        Some(token) => match refresh_token::find_sign_in(&tx, &token).await? {
            Some(found) => (found.user_id, found.sign_in_id),
            None => return Ok(NoContent),
        },
        None => match caller.and_then(|user| Some((user.id, user.sign_in?))) {
            Some(own) => own,
            None => return Ok(NoContent),
        },
    };
    sign_in::sign_out(&tx, user_id, sign_in_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
