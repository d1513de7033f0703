//! List the caller's lessons, as a student or a teacher, or for an admin everybody's, the first first.

use lessons::lesson::{self, Lesson, LessonFilter};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/lessons/my", list))
}

async fn list(
    db: Db,
    user: User,
    Paged(filter, paging): Paged<LessonFilter, 100, 20>,
) -> Result<Json<Page<Lesson>>> {
    let tx = db.begin(&user).await?;
    lesson::list(&tx, &user, &filter, paging).await.map(Json)
}
