//! List the devices on which the caller is signed in, the newest first.

use account::sign_in::{self, SignInList};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/identity/sessions", list))
}

async fn list(db: Db, user: User) -> Result<Json<SignInList>> {
    let tx = db.begin(&user).await?;
    Ok(Json(sign_in::list(&tx, &user).await?))
}
