//! A queue's worker for the tests of serving: it fails where the message or the variable `FAILS` says so.

use shared::prelude::*;
use shared::serve::{Message, queue};

fn main() {
    serve(queue(work))
}

async fn work(db: JobsDb, message: Message) -> Result<()> {
    let tx = db.begin_service().await?;
    tx.execute("select set_config('application_name', $1, false)", &[&message.id]).await?;
    tx.commit().await?;
    let fails = std::env::var("FAILS").ok();
    match fails.as_deref().unwrap_or(&message.body) {
        "fail" => Err(conflict("no")),
        "panic" => panic!("no"),
        "exit" => std::process::exit(1),
        _ => Ok(()),
    }
}
