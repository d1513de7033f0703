//! List what opens the caller's account: the password, and accounts elsewhere.

use account::way_in::{self, WaysIn};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/identity/ways-in", list))
}

async fn list(db: Db, user: User) -> Result<Json<WaysIn>> {
    let tx = db.begin(&user).await?;
    way_in::list(&tx, user.id).await.map(Json)
}
