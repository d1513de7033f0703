//! Take an account elsewhere away from the ways into the caller's account, and end the sign-ins that it made.

use account::person;
use account::recent_proof::{OptionalProof, RecentProof};
use account::way_in::{self, WayInPath};
use shared::prelude::*;

fn main() {
    serve(
        delete("/api/v1/identity/ways-in/{way_in_id}", remove)
            .or(404, "way in not found")
            .or(409, "the last way in stays"),
    )
}

async fn remove(
    db: AccountsDb,
    user: User,
    recent: RecentProof,
    Path(path): Path<WayInPath>,
    OptionalProof(password): OptionalProof,
) -> Result<NoContent> {
    person::must_be_active(&db, &user).await?;
    recent.must_be_fresh(&db, &user, password.as_ref()).await?;
    let tx = db.begin_service().await?;
    way_in::remove(&tx, &user, path.way_in_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
