//! Try dead mails again, by hand: all of them with `{"all": true}`, some with `{"ids": ["…"]}`.

use platform::mail;
use shared::error::invalid_field;
use shared::outbox::{self, Dead};
use shared::prelude::*;

fn main() {
    serve(job(replay))
}

#[input]
struct Which {
    #[default]
    all: bool,
    ids: Option<Vec<Uuid>>,
}

/// What was done.
#[answer]
struct Replayed {
    /// Mails that are due again.
    replayed: u64,
}

async fn replay(db: JobsDb, Event(which): Event<Which>) -> Result<Replayed> {
    let dead = match (which.all, which.ids) {
        (true, None) => Dead::All,
        (false, Some(ids)) => Dead::Ids(ids),
        _ => return Err(invalid_field("/", "missing", "give either all: true or ids")),
    };
    let tx = db.begin_service().await?;
    let replayed = tx.commit_with(async |tx| outbox::replay(tx, mail::TOPIC, &dead).await).await?;
    Ok(Replayed { replayed })
}
