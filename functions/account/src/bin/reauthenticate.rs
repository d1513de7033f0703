//! Prove once more who the caller is, with the password: their sign-in then counts as made just now.
//!
//! A browser's session is fresh at once, an app's with its next access token.

use account::password::{self, Password};
use account::recent_proof::RecentProof;
use account::sign_in;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/identity/auth/reauthenticate", reauthenticate)
            .or(409, "The caller did not sign in here: they sign in again where they did"),
    )
}

/// The proof.
#[input]
struct Reauthentication {
    /// The caller's password.
    password: Password,
}

async fn reauthenticate(
    _: OwnSignIn,
    db: AccountsDb,
    user: User,
    recent: RecentProof,
    Json(given): Json<Reauthentication>,
) -> Result<NoContent> {
    let sign_in_id = user.sign_in.ok_or_else(|| conflict("this is no sign-in of ours: sign in again"))?;
    let checked = recent.must_know(&db, &user, &given.password).await?;
    let tx = db.begin_service().await?;
    if !password::is_still(&tx, user.id, &checked).await? {
        return Err(forbidden("wrong password"));
    }
    sign_in::reauthenticate(&tx, user.id, sign_in_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
