//! Show the API's description, for people.

use std::sync::OnceLock;

use platform::docs;
use shared::prelude::*;
use shared::reply::Html;

fn main() {
    serve(get("/docs", show))
}

async fn show() -> Result<Html> {
    static PAGE: OnceLock<String> = OnceLock::new();
    let page = match PAGE.get() {
        Some(page) => page,
        None => {
            let page = docs::render(include_str!("../../../../openapi.json"))?;
            PAGE.get_or_init(|| page)
        }
    };
    Ok(Html(page.as_str().into()))
}
