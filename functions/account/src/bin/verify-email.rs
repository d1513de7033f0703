//! Verify an e-mail address with the link that was mailed to it.

use account::mail_link::{self, LinkToken, Purpose};
use account::mailbox;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/email/verify", verify))
}

async fn verify(db: AccountsDb, Json(link): Json<LinkToken>) -> Result<NoContent> {
    let tx = db.begin_service().await?;
    let opened = mail_link::take(&tx, Purpose::VerifyEmail, &link.token).await?;
    mailbox::verify(&tx, opened.user_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
