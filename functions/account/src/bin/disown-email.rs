//! Say "that was not me" with the link that verifies an e-mail address: closes the account that somebody registered with it.

use account::disowning;
use account::mail_link::{self, LinkToken, Purpose};
use account::mailbox;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/email/disown", disown).or(409, "The account is the last admin's"))
}

async fn disown(db: AccountsDb, Json(link): Json<LinkToken>) -> Result<NoContent> {
    let tx = db.begin_service().await?;
    let opened = mail_link::look(&tx, Purpose::VerifyEmail, &link.token).await?;
    let mailbox = mailbox::lock(&tx, opened.user_id).await?;
    // Whoever proved the address registered it.
    if mailbox.is_none_or(|mailbox| mailbox.is_verified) {
        return Err(mail_link::refused());
    }
    mail_link::take(&tx, Purpose::VerifyEmail, &link.token).await?.ok_or_else(mail_link::refused)?;
    Box::pin(disowning::disown(&tx, opened.user_id)).await?;
    tx.commit().await?;
    Ok(NoContent)
}
