//! Rotate the keys that sign access tokens: one step of a rotation, called by Secrets Manager.

use shared::prelude::*;
use signing_keys::rotation::{self, Rotated, Rotation};
use signing_keys::store::Store;

fn main() {
    serve(job(step).needs(rotation::start))
}

async fn step(Event(rotation): Event<Rotation>) -> Result<Rotated> {
    rotation::rotate(&Store::open().await, &rotation).await
}
