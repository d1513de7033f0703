//! Stop an answer that is being written: what was written until then is the answer.

use shared::prelude::*;
use shared::run::{self, RunPath, StoppedRun};

fn main() {
    serve(post("/api/v1/runs/{run_id}/stop", stop).or(404, "run not found"))
}

async fn stop(db: Db, user: User, Path(path): Path<RunPath>) -> Result<Json<StoppedRun>> {
    let tx = db.begin(&user).await?;
    tx.commit_with(async |tx| run::stop(tx, path.run_id).await).await.map(Json)
}
