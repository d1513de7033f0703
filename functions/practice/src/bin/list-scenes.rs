//! List the caller's scenes, the last changed first.

use practice::scene::{self, Scene, SceneFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/scenes", list))
}

async fn list(
    db: Db,
    user: User,
    Paged(filter, paging): Paged<SceneFilter, 50, 10>,
) -> Result<Json<Page<Scene>>> {
    let tx = db.begin(&user).await?;
    scene::list(&tx, &user, &filter, paging).await.map(Json)
}
