//! List everybody's accounts for an admin, the newest first, by words, role and state.

use account::administration::{self, UserAccount, UserFilter, UserPage};
use shared::keyset::KeysetPaged;
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/admin/users", list))
}

async fn list(
    db: AccountsDb,
    _admin: Admin,
    KeysetPaged(filter, paging): KeysetPaged<UserFilter, UserAccount, 100, 50>,
) -> Result<Json<UserPage>> {
    let tx = db.begin_service().await?;
    administration::list(&tx, &filter, paging).await.map(Json)
}
