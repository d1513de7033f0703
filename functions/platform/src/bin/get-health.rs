//! Say that the API answers. Nothing behind it is asked.

use shared::prelude::*;
use shared::settings;

fn main() {
    serve(get("/health", show))
}

/// The API answers.
#[answer]
struct Health {
    /// Always `ok`.
    status: &'static str,
    /// Where the API runs: the setting `APP_ENV`.
    app_env: String,
}

async fn show() -> Result<Json<Health>> {
    Ok(Json(Health { status: "ok", app_env: settings::app_env() }))
}
