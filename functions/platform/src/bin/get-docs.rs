//! Show the API's description, for people, who can try every route there.

use platform::docs::Page;
use shared::prelude::*;

fn main() {
    serve(get("/docs", show))
}

async fn show() -> Result<Page> {
    Ok(Page)
}
