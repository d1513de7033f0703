//! Mark a lesson as taken place, as its teacher or an admin. One that is marked so stays as it is.

use lessons::lesson::{self, Lesson, LessonPatch, LessonPath, LessonStatus};
use shared::caller::Role;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/lessons/{lesson_id}/complete", complete)
            .or(404, "lesson not found")
            .or(409, "it has not begun, or cannot become that any more"),
    )
}

async fn complete(db: Db, user: User, Path(path): Path<LessonPath>) -> Result<Json<Lesson>> {
    let tx = db.begin(&user).await?;
    let (is_admin, (lesson, booking)) = tokio::try_join!(
        biased;
        identity::has_role(&tx, Role::Admin),
        lesson::lock(&tx, &user, path.lesson_id),
    )?;
    let mark = LessonPatch::marking(LessonStatus::Completed);
    lesson::update(tx, &lesson, &booking, is_admin, &mark).await.map(Json)
}
