//! A streamed route for the tests of limits: the caller has two of its answers an hour.

use std::time::Duration;

use shared::limit::{Rule, ToldLimits};
use shared::prelude::*;
use shared::stream::Stream;

fn main() {
    serve(post("/streamed", streamed))
}

async fn streamed(db: Db, user: User, limits: ToldLimits) -> Result<Stream> {
    limits.take(&db, &[Rule::of_person("streamed:person", &user, 2, Duration::from_secs(3600))]).await?;
    Ok(Stream::new(async |events| events.send("done", &true).await))
}
