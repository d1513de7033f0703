//! Ask for a link that resets a password; the answer is the same whether or not there is such an account.

use std::time::Duration;

use account::email::Email;
use account::mail_link::{self, MailSent, Purpose};
use account::mailbox;
use account::password_change;
use shared::limit::Limits;
use shared::prelude::*;
use tokio::time::{Instant, sleep_until};

/// Longer than the work takes in either case, so that the time tells nothing.
const ANSWER_AFTER: Duration = Duration::from_millis(300);

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
    db: Db,
    limits: Limits,
    client: Client,
    Json(forgotten): Json<Forgotten>,
) -> Result<Accepted<MailSent>> {
    let answer_at = Instant::now() + ANSWER_AFTER;
    if password_change::may_mail(&db, &limits, &client, &forgotten.email).await? {
        let tx = db.begin_service().await?;
        if let Some(found) = mailbox::find(&tx, &forgotten.email).await? {
            mail_link::send(&tx, found.user_id, Purpose::ResetPassword, &forgotten.email, &found.locale)
                .await?;
        }
        tx.commit().await?;
    }
    db.release().await;
    sleep_until(answer_at).await;
    Ok(Accepted(MailSent::new("if there is an account with this address, a link is on its way")))
}
