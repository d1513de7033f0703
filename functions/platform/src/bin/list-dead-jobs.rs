//! List jobs that failed for good, those that failed last first: one's own, and for an admin everybody's.

use platform::dead_job::{self, DeadJob, DeadJobFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/jobs/dlq", list))
}

async fn list(db: Db, user: User, Query(filter): Query<DeadJobFilter>) -> Result<Json<Vec<DeadJob>>> {
    let tx = db.begin(&user).await?;
    dead_job::list(&tx, &user, &filter).await.map(Json)
}
