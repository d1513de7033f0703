//! Let a date be as its weekday is again, or end time off, as the teacher or an admin. The slots follow at once.

use lessons::hours::{Changes, ExceptionPath, making, stored};
use shared::prelude::*;

fn main() {
    serve(
        delete("/api/v1/scheduling/teachers/{teacher_id}/schedule/exceptions/{exception_id}", remove)
            .or(404, "there is no such exception, or it is another's"),
    )
}

async fn remove(db: Db, user: User, Path(path): Path<ExceptionPath>) -> Result<Json<Changes>> {
    let tx = db.begin(&user).await?;
    let schedule = stored::touch(&tx, path.teacher_id).await?;
    stored::remove_exception(&tx, &path).await?;
    making::project(tx, &schedule, true).await.map(Json)
}
