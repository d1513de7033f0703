//! Sign the caller out on every other device, or on all.

use account::sign_in::{self, SignInFilter};
use shared::prelude::*;

fn main() {
    serve(delete("/api/v1/identity/sessions", revoke))
}

async fn revoke(db: Db, user: User, Query(filter): Query<SignInFilter>) -> Result<NoContent> {
    let kept = if filter.all.is_some_and(Flag::get) { None } else { user.sign_in };
    let tx = db.begin(&user).await?;
    sign_in::revoke_own_but(&tx, &user, kept).await?;
    tx.commit().await?;
    Ok(NoContent)
}
