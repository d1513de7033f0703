//! A queue's worker for the tests of serving: it fails where the message says so.

use shared::prelude::*;
use shared::serve::{Message, queue};

fn main() {
    serve(queue(work))
}

async fn work(db: JobsDb, message: Message) -> Result<()> {
    let tx = db.begin_service().await?;
    tx.execute("select set_config('application_name', $1, false)", &[&message.id]).await?;
    tx.commit().await?;
    match message.body.as_str() {
        "fail" => Err(conflict("no")),
        "panic" => panic!("no"),
        _ => Ok(()),
    }
}
