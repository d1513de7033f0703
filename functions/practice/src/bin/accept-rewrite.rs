//! Accept a rewrite: it is the one that the learner takes for its message.

use practice::rewrite::{self, Rewrite, RewritePath};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/sessions/{session_id}/rewrites/{rewrite_id}/accept", accept)
            .or(404, "rewrite not found"),
    )
}

async fn accept(db: Db, user: User, Path(path): Path<RewritePath>) -> Result<Json<Rewrite>> {
    let tx = db.begin(&user).await?;
    tx.commit_with(async |tx| rewrite::accept(tx, &user, &path).await).await.map(Json)
}
