//! Sign the caller out on one device.

use account::sign_in::{self, SignInPath};
use shared::prelude::*;

fn main() {
    serve(delete("/api/v1/identity/sessions/{session_id}", revoke).or(404, "session not found"))
}

async fn revoke(db: Db, user: User, Path(path): Path<SignInPath>) -> Result<NoContent> {
    let tx = db.begin(&user).await?;
    sign_in::revoke_own(&tx, &user, path.session_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
