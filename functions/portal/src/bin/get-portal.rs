//! Show the portal, the one page on which people use the API.

use portal::file::{PORTAL, Page};
use shared::precondition::IfNoneMatch;
use shared::prelude::{Result, get, serve};

fn main() {
    serve(get("/portal", show))
}

async fn show(known: IfNoneMatch) -> Result<Page> {
    Ok(Page(PORTAL, known))
}
