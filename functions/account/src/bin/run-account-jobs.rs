//! Do what people asked for in the background: make the archives of exports and mail their links, or that there will be none.

use std::time::Duration;

use account::export;
use shared::jobs::{Kind, worker};
use shared::prelude::*;

fn main() {
    serve(worker(vec![
        Kind::new(export::JOB, export::make)
            // As long as the function may run: one transaction makes an export, and says nothing meanwhile.
            .lease(Duration::from_secs(300))
            .on_failed(|tx, job| Box::pin(export::give_up(tx, job))),
    ]))
}
