//! List the lines of a package, which say where each lesson went, the first first.

use lessons::package::{self, Entry, Everything, PackagePath};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/billing/packages/{package_id}/entries", list).or(404, "package not found"))
}

async fn list(
    db: Db,
    user: User,
    Path(path): Path<PackagePath>,
    Paged(Everything {}, paging): Paged<Everything, 100, 50>,
) -> Result<Json<Page<Entry>>> {
    let tx = db.begin(&user).await?;
    let (_, page) = tokio::try_join!(
        biased;
        package::get(&tx, path.package_id),
        package::list_entries(&tx, path.package_id, paging),
    )?;
    Ok(Json(page))
}
