//! Read the card of an approved teacher.

use lessons::teacher::{self, TeacherProfile, TeacherProfilePath};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/teachers/profiles/{profile_id}", read).or(404, "card not found"))
}

async fn read(db: Db, Path(path): Path<TeacherProfilePath>) -> Result<Json<TeacherProfile>> {
    let tx = db.begin_anonymous().await?;
    teacher::get(&tx, path.profile_id).await.map(Json)
}
