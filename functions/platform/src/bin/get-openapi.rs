//! Show the API's description (OpenAPI 3.1), for programs.

use shared::prelude::*;
use shared::reply::JsonText;

fn main() {
    serve(get("/openapi.json", show))
}

async fn show() -> Result<JsonText> {
    Ok(JsonText(include_str!("../../../../openapi.json").into()))
}
