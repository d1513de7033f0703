//! Change a teacher's card, one's own or as an admin, who also approves it.

use lessons::teacher::{self, TeacherProfile, TeacherProfilePatch, TeacherProfilePath};
use shared::prelude::*;

fn main() {
    serve(
        patch("/api/v1/teachers/profiles/{profile_id}", update)
            .or(403, "only an admin approves")
            .or(404, "card not found"),
    )
}

async fn update(
    db: Db,
    user: User,
    Path(path): Path<TeacherProfilePath>,
    Json(changes): Json<TeacherProfilePatch>,
) -> Result<Json<TeacherProfile>> {
    let tx = db.begin(&user).await?;
    let profile = teacher::update(&tx, &user, path.profile_id, &changes).await?;
    tx.commit().await?;
    Ok(Json(profile))
}
