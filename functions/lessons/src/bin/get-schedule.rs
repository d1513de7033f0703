//! A teacher's weekly hours with their exceptions, and the instants that they are in a range.

use jiff::Timestamp;
use lessons::hours::{ScheduleInRange, SchedulePath, ScheduleRange, stored};
use shared::precondition::Tagged;
use shared::prelude::*;

fn main() {
    serve(
        get("/api/v1/scheduling/teachers/{teacher_id}/schedule", read)
            .or(404, "there is no such schedule, or it is another's"),
    )
}

async fn read(
    db: Db,
    user: User,
    Path(path): Path<SchedulePath>,
    Query(range): Query<ScheduleRange>,
) -> Result<Tagged<Json<ScheduleInRange>>> {
    let range = range.interval(Timestamp::now())?;
    let tx = db.begin(&user).await?;
    let found = stored::get(&tx, &user, path.teacher_id, range).await?;
    let version = found.schedule.version;
    Ok(Tagged(Json(found), version))
}
