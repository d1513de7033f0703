//! A route for the tests of jobs: it puts one in of the kind that its path names.

use shared::jobs::{self, Enqueued, NewJob};
use shared::prelude::*;

fn main() {
    serve(post("/jobs/{kind}", put))
}

text_enum! {
    /// The kinds of the example `job-worker`.
    enum Word {
        Good = "good",
        Steps = "steps",
        Fails = "fails",
        Permanent = "permanent",
        Refused = "refused",
        Panics = "panics",
        Kills = "kills",
        Waits = "waits",
        Held = "held",
        Long = "long",
        Unending = "unending",
        Model = "model",
        Structured = "structured",
        Vectors = "vectors",
    }
}

#[input]
struct KindPath {
    kind: Word,
}

#[input]
struct Body {
    subject: Option<Uuid>,
    fails: Option<Flag>,
}

#[answer]
struct PutIn {
    job_id: Uuid,
    is_known: bool,
}

async fn put(db: Db, user: User, Path(path): Path<KindPath>, Json(body): Json<Body>) -> Result<Json<PutIn>> {
    let kind = match path.kind {
        Word::Good => "test.good",
        Word::Steps => "test.steps",
        Word::Fails => "test.fails",
        Word::Permanent => "test.permanent",
        Word::Refused => "test.refused",
        Word::Panics => "test.panics",
        Word::Kills => "test.kills",
        Word::Waits => "test.waits",
        Word::Held => "test.held",
        Word::Long => "test.long",
        Word::Unending => "test.unending",
        Word::Model => "test.model",
        Word::Structured => "test.structured",
        Word::Vectors => "test.vectors",
    };
    let parameters = serde_json::json!({ "word": kind });
    let tx = db.begin(&user).await?;
    shared::identity::ensure(&tx, &user).await?;
    let new =
        NewJob { kind, user_id: user.id, subject: body.subject, parameters: &parameters, wait_seconds: 0.0 };
    let Enqueued { job_id, is_known } = jobs::enqueue(&tx, &new).await?;
    if body.fails.is_some_and(Flag::get) {
        return Err(conflict("changed my mind"));
    }
    tx.commit().await?;
    Ok(Json(PutIn { job_id, is_known }))
}
