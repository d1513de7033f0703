//! Make a session's action card from its last feedback, or fetch it; new feedback makes it anew.

use practice::session::{self, SessionPath};
use practice::summary::{self, Summary};
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/sessions/{session_id}/summary", summarise)
            .or(404, "session not found")
            .or(409, "session has no feedback yet"),
    )
}

async fn summarise(db: Db, user: User, Path(path): Path<SessionPath>) -> Result<Json<Summary>> {
    let tx = db.begin(&user).await?;
    let ((), last, preferences) = tokio::try_join!(
        biased;
        session::must_exist(&tx, &user, path.session_id),
        summary::find_last_turn(&tx, &user, path.session_id),
        identity::preferences(&tx, &user),
    )?;
    let last = last.ok_or_else(|| conflict("session has no feedback yet"))?;
    let upsert = async |tx: &Tx| summary::upsert(tx, &user, path.session_id, &last, &preferences).await;
    let summary = match tx.commit_with(upsert).await? {
        Some(summary) => summary,
        None => summary::get(&db.begin(&user).await?, &user, path.session_id).await?,
    };
    Ok(Json(summary))
}
