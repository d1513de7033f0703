//! Read one scene.

use practice::scene::{self, Scene, ScenePath};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/scenes/{scene_id}", read).or(404, "scene not found"))
}

async fn read(db: Db, user: User, Path(path): Path<ScenePath>) -> Result<Json<Scene>> {
    let tx = db.begin(&user).await?;
    scene::get(&tx, &user, path.scene_id).await.map(Json)
}
