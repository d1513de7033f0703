//! Change the caller's name, language or time zone.

use account::profile::{self, Profile, ProfilePatch};
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(patch("/api/v1/me", update))
}

async fn update(db: Db, user: User, Json(changes): Json<ProfilePatch>) -> Result<Json<Profile>> {
    let tx = db.begin(&user).await?;
    let ((), profile) =
        tokio::try_join!(biased; identity::ensure(&tx, &user), profile::update(&tx, &user, &changes))?;
    tx.commit().await?;
    Ok(Json(profile))
}
