//! Close a date or give it other hours, or take time off, as the teacher or an admin. The slots follow at once.

use lessons::hours::{ChangedException, NewException, SchedulePath, making, stored};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/scheduling/teachers/{teacher_id}/schedule/exceptions", create)
            .or(404, "there is no such schedule, or it is another's")
            .or(409, "the date has an exception already")
            .or(
                422,
                "time off ends before it begins or is longer than 366 days, or there are too many exceptions",
            ),
    )
}

async fn create(
    db: Db,
    user: User,
    Path(path): Path<SchedulePath>,
    Json(new): Json<NewException>,
) -> Result<Created<ChangedException>> {
    new.check()?;
    let tx = db.begin(&user).await?;
    let schedule = stored::touch(&tx, path.teacher_id).await?;
    let exception = stored::add_exception(&tx, path.teacher_id, &new).await?;
    let changes = making::project(tx, &schedule, true).await?;
    Ok(Created(ChangedException { exception, changes }))
}
