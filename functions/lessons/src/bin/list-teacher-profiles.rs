//! List the cards of approved teachers, the newest first.

use lessons::teacher::{self, TeacherProfile, TeacherProfileFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/teachers/profiles", list))
}

async fn list(
    db: Db,
    Paged(TeacherProfileFilter {}, paging): Paged<TeacherProfileFilter, 100, 20>,
) -> Result<Json<Page<TeacherProfile>>> {
    let tx = db.begin_anonymous().await?;
    teacher::list(&tx, paging).await.map(Json)
}
