//! Note whether a notification has gone out: the caller's own, or as an admin anybody's.

use lessons::notification::{self, Notification, NotificationPatch, NotificationPath};
use shared::prelude::*;

fn main() {
    serve(patch("/api/v1/notifications/{notification_id}/status", update).or(404, "notification not found"))
}

async fn update(
    db: Db,
    user: User,
    Path(path): Path<NotificationPath>,
    Json(changes): Json<NotificationPatch>,
) -> Result<Json<Notification>> {
    let tx = db.begin(&user).await?;
    let notification = notification::set_status(&tx, path.notification_id, changes.status).await?;
    tx.commit().await?;
    Ok(Json(notification))
}
