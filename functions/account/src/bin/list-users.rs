//! List everybody's accounts for an admin, the newest first, by words, role and state.

use account::administration::{self, UserFilter, UserPage};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/admin/users", list))
}

async fn list(db: Db, _admin: Admin, Query(filter): Query<UserFilter>) -> Result<Json<UserPage>> {
    let tx = db.begin_service().await?;
    administration::list(&tx, &filter).await.map(Json)
}
