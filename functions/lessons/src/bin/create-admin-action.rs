//! Write a line into the journal, as an admin.

use lessons::admin_action::{self, AdminAction, NewAdminAction};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/admin/actions", create))
}

async fn create(db: Db, admin: Admin, Json(new): Json<NewAdminAction>) -> Result<Created<AdminAction>> {
    let tx = db.begin(&admin).await?;
    tx.commit_with(async |tx| admin_action::insert(tx, &admin, &new).await).await.map(Created)
}
