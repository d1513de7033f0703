//! Change a lesson's topic and notes, or mark it, as its teacher or an admin.

use lessons::lesson::{self, Lesson, LessonPatch, LessonPath};
use shared::caller::Role;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(
        patch("/api/v1/lessons/{lesson_id}", update)
            .or(404, "lesson not found")
            .or(409, "it has not begun, or cannot become that any more"),
    )
}

async fn update(
    db: Db,
    user: User,
    Path(path): Path<LessonPath>,
    Json(changes): Json<LessonPatch>,
) -> Result<Json<Lesson>> {
    let tx = db.begin(&user).await?;
    let (is_admin, (lesson, booking)) = tokio::try_join!(
        biased;
        identity::has_role(&tx, Role::Admin),
        lesson::lock(&tx, &user, path.lesson_id),
    )?;
    lesson::update(tx, &lesson, &booking, is_admin, &changes).await.map(Json)
}
