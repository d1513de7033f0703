//! Put a plan up for sale, as an admin.

use lessons::plan::{self, NewPlan, Plan};
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/admin/plans", create))
}

async fn create(db: Db, admin: Admin, Json(new): Json<NewPlan>) -> Result<Created<Plan>> {
    let tx = db.begin(&admin).await?;
    tx.commit_with(async |tx| plan::insert(tx, &new).await).await.map(Created)
}
