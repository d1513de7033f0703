//! Mark a lesson to which the student did not come, as its teacher or an admin. One that is marked so stays as it is.

use lessons::lesson::{self, Lesson, LessonPatch, LessonPath, LessonStatus};
use shared::caller::Role;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/lessons/{lesson_id}/no-show", mark_no_show)
            .or(404, "lesson not found")
            .or(409, "it has not begun, or cannot become that any more"),
    )
}

async fn mark_no_show(db: Db, user: User, Path(path): Path<LessonPath>) -> Result<Json<Lesson>> {
    let tx = db.begin(&user).await?;
    let (is_admin, (lesson, booking)) = tokio::try_join!(
        biased;
        identity::has_role(&tx, Role::Admin),
        lesson::lock(&tx, &user, path.lesson_id),
    )?;
    let mark = LessonPatch::marking(LessonStatus::NoShow);
    lesson::update(tx, &lesson, &booking, is_admin, &mark).await.map(Json)
}
