//! Rotate the keys that sign access tokens: one step of a rotation, called by Secrets Manager.

use shared::prelude::*;
use signing_keys::rotation::{Rotated, Rotation, rotate};
use signing_keys::store::Store;

fn main() {
    serve(job(step))
}

async fn step(Event(rotation): Event<Rotation>) -> Result<Rotated> {
    rotate(&Store::open().await, &rotation).await
}
