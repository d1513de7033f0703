//! Record how the talk went in real life, once per session.

use practice::reflection::{self, NewReflection, ReflectionCreated};
use practice::session;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/reflections", reflect)
            .or(404, "session not found")
            .or(409, "reflection already exists for this session"),
    )
}

async fn reflect(db: Db, user: User, Json(new): Json<NewReflection>) -> Result<Created<ReflectionCreated>> {
    let tx = db.begin(&user).await?;
    let ((), created) = tokio::try_join!(
        biased; // in this order, so that a foreign session is a 404 and not the insert's broken reference
        session::must_exist(&tx, &user, new.session_id),
        reflection::insert(&tx, &user, &new),
    )?;
    tx.commit().await?;
    Ok(Created(created))
}
