//! Tell somebody something, as an admin anybody, as a teacher one's students.

use lessons::notification::{self, NewNotification, Notification};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/notifications", create).or(404, "nobody whom the caller may tell something"))
}

async fn create(db: Db, user: User, Json(new): Json<NewNotification>) -> Result<Created<Notification>> {
    let tx = db.begin(&user).await?;
    let notification = notification::insert(&tx, &user, &new).await?;
    tx.commit().await?;
    Ok(Created(notification))
}
