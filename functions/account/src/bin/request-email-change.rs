//! Ask for another e-mail address, or for one: mails a link to it.

use account::email::Email;
use account::mail_link::{self, MailSent};
use account::password::{self, Password};
use account::recent_proof::RecentProof;
use shared::identity;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/email/change", request))
}

/// The address to change to.
#[input]
struct EmailChange {
    /// The new address.
    email: Email,
    /// The caller's password; who has none must have signed in within the last 15 minutes.
    password: Option<Password>,
}

async fn request(
    db: AccountsDb,
    user: User,
    recent: RecentProof,
    Json(change): Json<EmailChange>,
) -> Result<Accepted<MailSent>> {
    let checked = recent.must_be_themselves(&db, &user, change.password.as_ref()).await?;
    mail_link::limit_to(&db, recent.limits(), &user, &change.email).await?;
    let tx = db.begin(&user).await?;
    identity::ensure(&tx, &user).await?;
    tx.commit().await?;
    let tx = db.begin_service().await?;
    let preferences = identity::preferences(&tx, &user).await?;
    if let Some(checked) = checked
        && !password::is_still(&tx, user.id, &checked).await?
    {
        return Err(forbidden("wrong password"));
    }
    mail_link::send_change(&tx, user.id, &change.email, &preferences.locale).await?;
    tx.commit().await?;
    // Whether the address is somebody's is told to nobody but its owner.
    Ok(Accepted(MailSent::new("the link is on its way")))
}
