//! List the journal, as an admin, the newest line first.

use lessons::admin_action::{self, AdminAction, AdminActionFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/admin/actions", list))
}

async fn list(
    db: Db,
    admin: Admin,
    Paged(AdminActionFilter {}, paging): Paged<AdminActionFilter, 100, 20>,
) -> Result<Json<Page<AdminAction>>> {
    let tx = db.begin(&admin).await?;
    admin_action::list(&tx, paging).await.map(Json)
}
