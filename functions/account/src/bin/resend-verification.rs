//! Mail the caller a new link that verifies their address.

use account::mail_link::{self, MailSent};
use account::mailbox;
use account::person;
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/identity/email/resend", resend)
            .or(404, "the account has no e-mail address to verify")
            .or(409, "the e-mail address is verified"),
    )
}

async fn resend(db: AccountsDb, user: User, limits: Limits) -> Result<Accepted<MailSent>> {
    person::must_be_active(&db, &user).await?;
    mail_link::limit(&db, &limits, &user).await?;
    let tx = db.begin_service().await?;
    let mailbox = mailbox::lock(&tx, user.id).await?;
    let mailbox = mailbox.ok_or_else(|| not_found("the account has no e-mail address to verify"))?;
    if mailbox.is_verified {
        return Err(conflict("the e-mail address is verified"));
    }
    let email = mailbox.address()?;
    mail_link::send_verification(&tx, user.id, &email, &mailbox.locale).await?;
    tx.commit().await?;
    Ok(Accepted(MailSent::new("the link is on its way")))
}
