//! List what the caller waits for, and what became of it.

use lessons::package::Everything;
use lessons::waitlist::{self, WaitlistEntry};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/scheduling/waitlist", list))
}

async fn list(
    db: Db,
    student: Student,
    Paged(Everything {}, paging): Paged<Everything, 100, 20>,
) -> Result<Json<Page<WaitlistEntry>>> {
    let tx = db.begin(&student).await?;
    waitlist::list(&tx, paging).await.map(Json)
}
