//! Create a scene to practise.

use practice::scene::{self, NewScene, SceneCreated};
use shared::http::StatusCode;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/scenes", create).or(409, "the caller has 1000 scenes"))
}

async fn create(
    db: Db,
    user: User,
    Json(new): Json<NewScene>,
    repeat: Idempotency,
) -> Result<Kept<Created<SceneCreated>>> {
    let tx = db.begin(&user).await?;
    let (person, kept, scene) = tokio::join!(
        biased;
        identity::ensure(&tx, &user),
        repeat.replay(&tx, &user),
        scene::insert(&tx, &user, &new),
    );
    person?;
    if let Some(answer) = kept? {
        return Ok(Kept::Replayed(answer)); // without a commit the second scene never was, nor was it one too many
    }
    let scene = scene?;
    repeat.keep(&tx, &user, StatusCode::CREATED, &scene).await?;
    tx.commit().await?;
    Ok(Kept::New(Created(scene)))
}
