//! Restore an archived scene, so that it takes new sessions again.

use practice::scene::{self, Scene, ScenePath, SceneStatus};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/scenes/{scene_id}/restore", restore).or(404, "scene not found"))
}

async fn restore(db: Db, user: User, Path(path): Path<ScenePath>) -> Result<Json<Scene>> {
    let tx = db.begin(&user).await?;
    let set = async |tx: &Tx| scene::set_status(tx, &user, path.scene_id, SceneStatus::Active).await;
    tx.commit_with(set).await.map(Json)
}
