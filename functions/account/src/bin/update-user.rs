//! Change what a person may do, or lock them out, as an admin.

use account::administration::{self, UserAccount, UserPatch, UserPath};
use shared::prelude::*;

fn main() {
    serve(
        patch("/api/v1/admin/users/{user_id}", update)
            .or(404, "user not found")
            .or(409, "the last admin stays"),
    )
}

async fn update(
    db: AccountsDb,
    admin: Admin,
    Path(path): Path<UserPath>,
    Json(changes): Json<UserPatch>,
) -> Result<Json<UserAccount>> {
    let tx = db.begin_service().await?;
    let account = administration::update(&tx, &admin, path.user_id, &changes).await?;
    tx.commit().await?;
    Ok(Json(account))
}
