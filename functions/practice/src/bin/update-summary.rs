//! Edit a session's action card; an edited card is not made anew.

use practice::session::{self, SessionPath};
use practice::summary::{self, EditedSummary, SummaryPatch};
use shared::prelude::*;

fn main() {
    serve(
        patch("/api/v1/sessions/{session_id}/summary", edit)
            .or(404, "session not found")
            .or(404, "summary not found"),
    )
}

async fn edit(
    db: Db,
    user: User,
    Path(path): Path<SessionPath>,
    Json(changes): Json<SummaryPatch>,
) -> Result<Json<EditedSummary>> {
    let tx = db.begin(&user).await?;
    let ((), edited) = tokio::try_join!(
        biased;
        session::must_exist(&tx, &user, path.session_id),
        summary::update(&tx, &user, path.session_id, &changes),
    )?;
    let edited = edited.ok_or_else(|| not_found("summary not found"))?;
    tx.commit().await?;
    Ok(Json(edited))
}
