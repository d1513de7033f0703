//! List what is for sale, the cheapest first; for an admin also what is not any more.

use lessons::plan::{self, Plan, PlanFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/billing/plans", list))
}

async fn list(
    db: Db,
    user: User,
    Paged(PlanFilter {}, paging): Paged<PlanFilter, 100, 100>,
) -> Result<Json<Page<Plan>>> {
    let tx = db.begin(&user).await?;
    plan::list(&tx, paging).await.map(Json)
}
