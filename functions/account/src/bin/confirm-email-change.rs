//! Change an e-mail address with the link that was mailed to the new one.

use account::export;
use account::mail_link::{self, LinkToken, Purpose};
use account::mailbox;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/email/confirm", confirm).or(409, "User with this email already exists"))
}

async fn confirm(db: AccountsDb, Json(link): Json<LinkToken>) -> Result<NoContent> {
    let tx = db.begin_service().await?;
    let opened = mail_link::look(&tx, Purpose::ChangeEmail, &link.token).await?;
    let old = mailbox::lock(&tx, opened.user_id).await?;
    // Followed again, or by two at once: it is done.
    if mail_link::take(&tx, Purpose::ChangeEmail, &link.token).await?.is_none() {
        mail_link::look(&tx, Purpose::ChangeEmail, &link.token).await?;
        return Ok(NoContent);
    }
    mailbox::change(&tx, opened.user_id, &opened.email).await?;
    export::end_all(&tx, opened.user_id).await?;
    if let Some(old) = old.filter(|old| old.is_verified && old.email != opened.email) {
        mail_link::send_notice(&tx, old.user_id, "email_changed", &old.email, &old.locale).await?;
    }
    tx.commit().await?;
    Ok(NoContent)
}
