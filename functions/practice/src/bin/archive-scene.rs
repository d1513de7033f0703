//! Archive a scene: it takes no new sessions, and those under way go on.

use practice::scene::{self, Scene, ScenePath, SceneStatus};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/scenes/{scene_id}/archive", archive).or(404, "scene not found"))
}

async fn archive(db: Db, user: User, Path(path): Path<ScenePath>) -> Result<Json<Scene>> {
    let tx = db.begin(&user).await?;
    let set = async |tx: &Tx| scene::set_status(tx, &user, path.scene_id, SceneStatus::Archived).await;
    tx.commit_with(set).await.map(Json)
}
