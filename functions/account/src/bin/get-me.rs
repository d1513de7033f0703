//! Show the caller's profile.

use account::profile::{self, Profile};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/me", show))
}

async fn show(db: Db, user: User) -> Result<Json<Profile>> {
    let tx = db.begin(&user).await?;
    Ok(Json(profile::get(&tx, &user).await?))
}
