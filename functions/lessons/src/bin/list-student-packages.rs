//! List a student's packages, the newest first: one's own, or as an admin anybody's.

use lessons::package::{self, Everything, Package, StudentPath};
use shared::prelude::*;

fn main() {
    serve(
        get("/api/v1/billing/packages/students/{student_id}", list)
            .or(404, "another's, unless the caller is an admin"),
    )
}

async fn list(
    db: Db,
    user: User,
    Path(path): Path<StudentPath>,
    Paged(Everything {}, paging): Paged<Everything, 100, 20>,
) -> Result<Json<Page<Package>>> {
    let tx = db.begin(&user).await?;
    package::list(&tx, &user, path.student_id, paging).await.map(Json)
}
