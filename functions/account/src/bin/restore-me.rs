//! Keep the caller's account after all: takes a deletion back during its days of grace.

use account::erasure;
use account::profile::{self, Profile};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/me/restore", restore).or(409, "No deletion was requested"))
}

async fn restore(db: AccountsDb, user: User, limits: Limits) -> Result<Json<Profile>> {
    // As the caller first: that refuses somebody who was deactivated.
    let profile = profile::get(&db.begin(&user).await?, &user).await?;
    erasure::limit(&db, &limits, &user).await?;
    let tx = db.begin_service().await?;
    erasure::cancel(&tx, &user).await?;
    tx.commit().await?;
    Ok(Json(profile))
}
