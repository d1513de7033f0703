//! Delete the caller's account: after 14 days of grace everything is erased.

use account::erasure::{self, Deletion};
use account::recent_proof::{Proof, RecentProof};
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(delete("/api/v1/me", request).or(409, "The caller is the last admin"))
}

async fn request(
    db: AccountsDb,
    user: User,
    recent: RecentProof,
    Json(proof): Json<Proof>,
) -> Result<Accepted<Deletion>> {
    let tx = db.begin(&user).await?;
    identity::ensure(&tx, &user).await?;
    tx.commit().await?;
    erasure::limit(&db, recent.limits(), &user).await?;
    recent.must_be_themselves(&db, &user, proof.password.as_ref()).await?;
    let tx = db.begin_service().await?;
    let deletion = erasure::request(&tx, &user).await?;
    tx.commit().await?;
    Ok(Accepted(deletion))
}
