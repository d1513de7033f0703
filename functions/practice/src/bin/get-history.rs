//! Replay one session: its scene, every turn with its feedback, the action card and the reflection.

use practice::history::{self, History};
use practice::session::SessionPath;
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/sessions/{session_id}/history", replay).or(404, "session not found"))
}

async fn replay(db: Db, user: User, Path(path): Path<SessionPath>) -> Result<Json<History>> {
    let tx = db.begin(&user).await?;
    history::get(&tx, &user, path.session_id).await.map(Json)
}
