//! Abandon an active session: it takes no more messages, and all that was said stays.

use practice::session::{self, Session, SessionPath};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/sessions/{session_id}/abandon", abandon)
            .or(404, "session not found")
            .or(409, "session is completed"),
    )
}

async fn abandon(db: Db, user: User, Path(path): Path<SessionPath>) -> Result<Json<Session>> {
    let tx = db.begin(&user).await?;
    let ((), session) = tokio::try_join!(
        biased;
        session::abandon(&tx, &user, path.session_id),
        session::get(&tx, &user, path.session_id),
    )?;
    tx.commit().await?;
    Ok(Json(session))
}
