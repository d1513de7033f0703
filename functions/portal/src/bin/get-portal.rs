//! Show the portal, the one page on which people use the API.

use portal::file::{Known, PORTAL, Page};
use shared::prelude::{Result, get, serve};

fn main() {
    serve(get("/portal", show))
}

async fn show(known: Known) -> Result<Page> {
    Ok(Page(PORTAL, known))
}
