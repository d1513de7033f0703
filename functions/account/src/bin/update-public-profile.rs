//! Change what the caller's public page shows.

use account::public_profile::{self, PublicProfilePatch, UserPublic};
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(patch("/api/v1/users/me", update))
}

async fn update(db: Db, user: User, Json(changes): Json<PublicProfilePatch>) -> Result<Json<UserPublic>> {
    let tx = db.begin(&user).await?;
    let ((), (), (), profile) = tokio::try_join!(
        biased;
        identity::ensure(&tx, &user),
        public_profile::ensure(&tx, &user),
        public_profile::update(&tx, &user, &changes),
        public_profile::get(&tx, &user),
    )?;
    tx.commit().await?;
    Ok(Json(profile))
}
