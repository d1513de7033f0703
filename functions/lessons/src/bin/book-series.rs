//! Book lessons in one go: every so many weeks, at one wall time. All of them, or with `skip` those that can be had.

use lessons::series::{self, NewSeries, Series};
use shared::http::StatusCode;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/booking/series", book)
            .or(404, "slot or package not found")
            .or(409, "one of the times cannot be had, or with `skip` none")
            .or(422, "the part of the slot is none, or the package cannot be used"),
    )
}

async fn book(
    db: Db,
    student: Student,
    Json(new): Json<NewSeries>,
    repeat: Idempotency,
) -> Result<Kept<Json<Series>>> {
    let tx = db.begin(&student).await?;
    let (person, kept) = tokio::join!(biased; identity::ensure(&tx, &student), repeat.replay(&tx, &student));
    person?;
    if let Some(answer) = kept? {
        return Ok(Kept::Replayed(answer));
    }
    let plan = series::plan(&tx, &student, &new).await?;
    if new.dry_run.is_some_and(Flag::get) {
        return Ok(Kept::New(Json(plan.preview())));
    }
    let series = plan.book(&tx, &student, &new).await?;
    repeat.keep(&tx, &student, StatusCode::OK, &series).await?;
    tx.commit().await?;
    Ok(Kept::New(Json(series)))
}
