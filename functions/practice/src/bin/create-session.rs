//! Start a practice session on one of the caller's scenes.

use practice::scene;
use practice::session::{self, NewSession, SessionStarted};
use shared::http::StatusCode;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/sessions", start)
            .or(404, "scene not found")
            .or(409, "scene is not active, or the caller has 5000 sessions"),
    )
}

async fn start(
    db: Db,
    user: User,
    Json(new): Json<NewSession>,
    repeat: Idempotency,
) -> Result<Kept<Created<SessionStarted>>> {
    let tx = db.begin(&user).await?;
    let (scene, kept, session) = tokio::join!(
        biased; // a foreign scene is a 404 and not the insert's broken reference
        scene::get(&tx, &user, new.scene_id),
        repeat.replay(&tx, &user),
        session::insert(&tx, &user, &new),
    );
    let scene = scene?;
    if let Some(answer) = kept? {
        return Ok(Kept::Replayed(answer)); // without a commit the second session never was, nor was it one too many
    }
    let session = session?;
    scene.must_be_active()?;
    repeat.keep(&tx, &user, StatusCode::CREATED, &session).await?;
    tx.commit().await?;
    Ok(Kept::New(Created(session)))
}
