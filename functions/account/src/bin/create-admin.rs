//! Make somebody an admin, by hand: `{"email": "…"}`, or `{"user_id": "…"}` for an account of another provider.

use account::administration::{self, Appointed, NewAdmin};
use shared::prelude::*;

fn main() {
    serve(job(create).needs(shared::language::start))
}

async fn create(db: JobsDb, Event(new): Event<NewAdmin>) -> Result<Appointed> {
    let tx = db.begin_service().await?;
    let appointed = administration::appoint(&tx, &new).await?;
    tx.commit().await?;
    Ok(appointed)
}
