//! Read one session, as the list shows it.

use practice::session::{self, Session, SessionPath};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/sessions/{session_id}", read).or(404, "session not found"))
}

async fn read(db: Db, user: User, Path(path): Path<SessionPath>) -> Result<Json<Session>> {
    let tx = db.begin(&user).await?;
    session::get(&tx, &user, path.session_id).await.map(Json)
}
