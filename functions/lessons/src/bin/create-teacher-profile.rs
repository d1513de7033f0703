//! Make a teacher's card, one's own or as an admin.

use lessons::teacher::{self, NewTeacherProfile, TeacherProfile};
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/teachers/profiles", create)
            .or(403, "another's card, or of somebody who is no teacher")
            .or(404, "user not found")
            .or(409, "the teacher has a card"),
    )
}

async fn create(db: Db, user: User, Json(new): Json<NewTeacherProfile>) -> Result<Created<TeacherProfile>> {
    let tx = db.begin(&user).await?;
    let profile = teacher::insert(&tx, &user, &new).await?;
    tx.commit().await?;
    Ok(Created(profile))
}
