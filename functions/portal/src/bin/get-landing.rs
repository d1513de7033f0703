//! Show the page that says what this is, for people.

use portal::file::{LANDING, Page};
use shared::precondition::IfNoneMatch;
use shared::prelude::{Result, get, serve};

fn main() {
    serve(get("/", show))
}

async fn show(known: IfNoneMatch) -> Result<Page> {
    Ok(Page(LANDING, known))
}
