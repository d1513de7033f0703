//! List what was done to accounts for an admin, the newest first, by person, act, thing and time.

use account::audit::{self, AuditFilter, AuditRow};
use shared::keyset::{KeysetPage, KeysetPaged};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/audit", list))
}

async fn list(
    db: AccountsDb,
    _admin: Admin,
    KeysetPaged(filter, paging): KeysetPaged<AuditFilter, AuditRow, 100, 50>,
) -> Result<Json<KeysetPage<AuditRow>>> {
    filter.must_be_a_range()?;
    let tx = db.begin_service().await?;
    audit::list(&tx, &filter, paging).await.map(Json)
}
