//! Ask for another e-mail address: mails a link to the new one.

use account::credentials;
use account::email::Email;
use account::mail_link::{self, MailSent, Purpose};
use account::password::{self, Password, Passwords};
use shared::identity;
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/email/change", request).or(403, "wrong password"))
}

/// The address to change to.
#[input]
struct EmailChange {
    /// The new address.
    email: Email,
    /// The caller's password.
    password: Password,
}

async fn request(
    db: AccountsDb,
    user: User,
    limits: Limits,
    passwords: Passwords,
    client: Client,
    Json(change): Json<EmailChange>,
) -> Result<Accepted<MailSent>> {
    let checked =
        credentials::verify_again(&db, &limits, &passwords, &client, &user, &change.password).await?;
    mail_link::limit_to(&db, &limits, &user, &change.email).await?;
    let tx = db.begin_service().await?;
    let (is_still, preferences) = tokio::try_join!(
        biased;
        password::is_still(&tx, user.id, &checked),
        identity::preferences(&tx, &user),
    )?;
    if !is_still {
        return Err(forbidden("wrong password"));
    }
    mail_link::send(&tx, user.id, Purpose::ChangeEmail, &change.email, &preferences.locale).await?;
    tx.commit().await?;
    // Whether the address is somebody's is told to nobody but its owner.
    Ok(Accepted(MailSent::new("the link is on its way")))
}
