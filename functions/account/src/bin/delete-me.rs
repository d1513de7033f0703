//! Delete the caller's account: after 14 days of grace everything is erased.

use account::erasure::{self, Deletion, Proof};
use account::password::Passwords;
use shared::identity;
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        delete("/api/v1/me", request)
            .or(403, "wrong password")
            .or(403, "Without a password: the caller signed in more than 15 minutes ago")
            .or(409, "The caller is the last admin"),
    )
}

async fn request(
    db: AccountsDb,
    user: User,
    client: Client,
    limits: Limits,
    passwords: Passwords,
    Json(proof): Json<Proof>,
) -> Result<Accepted<Deletion>> {
    let tx = db.begin(&user).await?;
    identity::ensure(&tx, &user).await?;
    tx.commit().await?;
    erasure::limit(&db, &limits, &user).await?;
    erasure::must_be_themselves(&db, &limits, &passwords, &client, &user, &proof).await?;
    let tx = db.begin_service().await?;
    let deletion = erasure::request(&tx, &user).await?;
    tx.commit().await?;
    Ok(Accepted(deletion))
}
