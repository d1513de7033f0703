//! List the caller's scenes, the last changed first.

use practice::scene::{self, SceneFilter, ScenePage};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/scenes", list))
}

async fn list(db: Db, user: User, Query(filter): Query<SceneFilter>) -> Result<Json<ScenePage>> {
    let tx = db.begin(&user).await?;
    scene::list(&tx, &user, &filter).await.map(Json)
}
