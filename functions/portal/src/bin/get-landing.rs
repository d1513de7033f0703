//! Show the page that says what this is, for people.

use portal::file::{Known, LANDING, Page};
use shared::prelude::{Result, get, serve};

fn main() {
    serve(get("/", show))
}

async fn show(known: Known) -> Result<Page> {
    Ok(Page(LANDING, known))
}
