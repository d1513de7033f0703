//! List a student's payments, the newest first: one's own, or as an admin anybody's.

use lessons::package::{Everything, StudentPath};
use lessons::payment::{self, Payment};
use shared::prelude::*;

fn main() {
    serve(
        get("/api/v1/billing/payments/students/{student_id}", list)
            .or(404, "another's, unless the caller is an admin"),
    )
}

async fn list(
    db: Db,
    user: User,
    Path(path): Path<StudentPath>,
    Paged(Everything {}, paging): Paged<Everything, 100, 20>,
) -> Result<Json<Page<Payment>>> {
    let tx = db.begin(&user).await?;
    payment::list(&tx, &user, path.student_id, paging).await.map(Json)
}
