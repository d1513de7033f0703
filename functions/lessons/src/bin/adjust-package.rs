//! Grant lessons of a package, take them back, let it last longer, or call it off, as an admin and with a reason.

use lessons::package::{self, Adjust, Package, PackagePath};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/admin/packages/{package_id}/adjust", adjust)
            .or(404, "package not found")
            .or(422, "it is not active, has not so many lessons left, or would not last longer"),
    )
}

async fn adjust(
    db: Db,
    admin: Admin,
    Path(path): Path<PackagePath>,
    Json(change): Json<Adjust>,
) -> Result<Json<Package>> {
    let tx = db.begin(&admin).await?;
    package::adjust(tx, &admin, path.package_id, &change).await.map(Json)
}
