//! List what was done to accounts for an admin, the newest first, by person, act, thing and time.

use account::audit::{self, AuditFilter, AuditPage};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/audit", list))
}

async fn list(db: Db, _admin: Admin, Query(filter): Query<AuditFilter>) -> Result<Json<AuditPage>> {
    filter.must_be_a_range()?;
    let tx = db.begin_service().await?;
    audit::list(&tx, &filter).await.map(Json)
}
