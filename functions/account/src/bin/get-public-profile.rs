//! Show the caller as their public page does.

use account::public_profile::{self, UserPublic};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/users/me", show))
}

async fn show(db: Db, user: User) -> Result<Json<UserPublic>> {
    let tx = db.begin(&user).await?;
    public_profile::get(&tx, &user).await.map(Json)
}
