//! Change what a person may do, or lock them out, as an admin.

use account::administration::{self, UserAccount, UserPatch, UserPath};
use account::recent_proof::RecentProof;
use shared::prelude::*;

fn main() {
    serve(
        patch("/api/v1/admin/users/{user_id}", update)
            .or(404, "user not found")
            .or(409, "the last admin stays")
            .or(409, "Whoever becomes an admin has an address that is not proven"),
    )
}

async fn update(
    db: AccountsDb,
    admin: Admin,
    recent: RecentProof,
    Path(path): Path<UserPath>,
    Json(changes): Json<UserPatch>,
) -> Result<Json<UserAccount>> {
    if changes.needs_proof() {
        recent.must_be_fresh(&db, &admin, changes.password.as_ref()).await?;
    }
    let tx = db.begin_service().await?;
    let account = administration::update(&tx, &admin, path.user_id, &changes).await?;
    tx.commit().await?;
    Ok(Json(account))
}
