//! Set one's weekly hours, or as an admin a teacher's. Their slots are made at once, and what nobody has booked and they have
//! no more is withdrawn.

use lessons::hours::{ChangedSchedule, NewSchedule, SchedulePath, making, stored};
use shared::precondition::{IfMatch, Tagged};
use shared::prelude::*;

fn main() {
    serve(
        put("/api/v1/scheduling/teachers/{teacher_id}/schedule", set)
            .or(404, "the person does not teach, or is another")
            .or(422, "the teacher is leaving"),
    )
}

async fn set(
    db: Db,
    user: User,
    Path(path): Path<SchedulePath>,
    known: IfMatch,
    Json(new): Json<NewSchedule>,
) -> Result<Tagged<Json<ChangedSchedule>>> {
    new.check()?;
    let tx = db.begin(&user).await?;
    stored::must_be_theirs(&tx, &user, path.teacher_id).await?;
    let schedule = stored::set(&tx, path.teacher_id, &new, &known).await?;
    let changes = making::project(tx, &schedule, true).await?;
    let version = schedule.version;
    Ok(Tagged(Json(ChangedSchedule { schedule, changes }), version))
}
