//! Change a plan or take it off sale, as an admin. What was bought already stays as it was.

use lessons::plan::{self, Plan, PlanPatch, PlanPath};
use shared::prelude::*;

fn main() {
    serve(patch("/api/v1/admin/plans/{plan_id}", update).or(404, "plan not found"))
}

async fn update(
    db: Db,
    admin: Admin,
    Path(path): Path<PlanPath>,
    Json(changes): Json<PlanPatch>,
) -> Result<Json<Plan>> {
    let tx = db.begin(&admin).await?;
    tx.commit_with(async |tx| plan::update(tx, path.plan_id, &changes).await).await.map(Json)
}
