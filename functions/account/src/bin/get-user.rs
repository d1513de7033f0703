//! Show the caller's account: address, roles, state.

use account::person::{self, UserRead};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/identity/users/me", show))
}

async fn show(db: Db, user: User) -> Result<Json<UserRead>> {
    let tx = db.begin(&user).await?;
    Ok(Json(person::get(&tx, &user).await?))
}
