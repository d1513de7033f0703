//! List what the caller was told, the newest first.

use lessons::notification::{self, Notification};
use lessons::package::Everything;
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/notifications/my", list))
}

async fn list(
    db: Db,
    user: User,
    Paged(Everything {}, paging): Paged<Everything, 100, 20>,
) -> Result<Json<Page<Notification>>> {
    let tx = db.begin(&user).await?;
    notification::list(&tx, &user, paging).await.map(Json)
}
