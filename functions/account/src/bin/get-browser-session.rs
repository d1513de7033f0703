//! Show who is signed in, and the CSRF token of a browser's session.

use account::browser_session::{self, BrowserSession, CsrfToken};
use shared::prelude::*;

fn main() {
    serve(get("/api/v1/auth/me", show))
}

async fn show(db: Db, user: User, CsrfToken(csrf_token): CsrfToken) -> Result<Json<BrowserSession>> {
    let tx = db.begin(&user).await?;
    let session = browser_session::get(&tx, user.id).await?;
    Ok(Json(BrowserSession { csrf_token, ..session.introduced(&user) }))
}
