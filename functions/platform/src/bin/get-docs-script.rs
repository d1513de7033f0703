//! Show the script of the page `/docs`.

use platform::docs::Script;
use shared::prelude::*;

fn main() {
    serve(get("/docs/script.js", show))
}

async fn show() -> Result<Script> {
    Ok(Script)
}
