//! Ask for a link that resets a password; the answer is the same whether or not there is such an account.

use account::email::Email;
use account::mail_link::{self, MailSent};
use account::mailbox;
use account::password_change;
use shared::limit::Limits;
use shared::prelude::*;
use tokio::time::{Instant, sleep_until};

fn main() {
    serve(post("/api/v1/identity/password/forgot", request))
}

/// Whose password is forgotten.
#[input]
struct Forgotten {
    /// The address to sign in with.
    email: Email,
}

async fn request(
    _: OwnSignIn,
    db: AccountsDb,
    limits: Limits,
    client: Client,
    Json(forgotten): Json<Forgotten>,
) -> Result<Accepted<MailSent>> {
    let asked_at = Instant::now();
    if password_change::may_mail(&db, &limits, &client, &forgotten.email).await? {
        let tx = db.begin_service().await?;
        if let Some(found) = mailbox::find(&tx, &forgotten.email).await? {
            let starts_anew = !found.is_verified;
            mail_link::send_reset(&tx, found.user_id, &forgotten.email, &found.locale, starts_anew).await?;
        }
        tx.commit().await?;
    }
    db.release().await;
    sleep_until(asked_at + password_change::answer_after(asked_at.elapsed())).await;
    Ok(Accepted(MailSent::new("if there is an account with this address, a link is on its way")))
}
