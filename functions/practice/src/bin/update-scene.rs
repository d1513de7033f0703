//! Change a scene; absent fields stay as they are.

use practice::scene::{self, Scene, ScenePatch, ScenePath};
use shared::prelude::*;

fn main() {
    serve(patch("/api/v1/scenes/{scene_id}", update).or(404, "scene not found"))
}

async fn update(
    db: Db,
    user: User,
    Path(path): Path<ScenePath>,
    Json(changes): Json<ScenePatch>,
) -> Result<Json<Scene>> {
    let tx = db.begin(&user).await?;
    tx.commit_with(async |tx| scene::update(tx, &user, path.scene_id, &changes).await).await.map(Json)
}
