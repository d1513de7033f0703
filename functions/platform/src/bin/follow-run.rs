//! Read an answer that is being written, or was a short while ago, from where the reader lost it: the events after
//! `Last-Event-ID`, those to come included.
//!
//! The events are those of the route that writes the answer. An `error` at the end says that the answer broke off; who asks
//! again where they asked first may then get another.

use shared::prelude::*;
use shared::run::{self, Followed, LastEvent, RunPath};
use shared::stream::Stream;

fn main() {
    serve(get("/api/v1/runs/{run_id}/events", follow).or(404, "run not found"))
}

async fn follow(db: Db, user: User, LastEvent(last): LastEvent, Path(path): Path<RunPath>) -> Result<Stream> {
    let tx = db.begin(&user).await?;
    if !run::exists(&tx, path.run_id).await? {
        return Err(not_found("run not found"));
    }
    drop(tx);
    Ok(Stream::new(move |events| async move {
        match run::follow(&db, &user, path.run_id, last, &events).await? {
            Followed::Ended => Ok(()),
            Followed::Partial(_) => Err(unavailable("the answer broke off", 1)),
        }
    }))
}
