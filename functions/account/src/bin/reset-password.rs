//! Choose another password with the link that was mailed; ends every sign-in, and the ways in that are not kept.

use account::credentials;
use account::mail_link::{self, Purpose};
use account::mailbox;
use account::optional_caller::MaybeUser;
use account::password::Passwords;
use account::password_change::{self, PasswordReset};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/password/reset", reset))
}

async fn reset(
    _: OwnSignIn,
    db: AccountsDb,
    MaybeUser(caller): MaybeUser,
    limits: Limits,
    passwords: Passwords,
    client: Client,
    Json(given): Json<PasswordReset>,
) -> Result<NoContent> {
    let tx = db.begin_service().await?;
    let opened = mail_link::look(&tx, Purpose::ResetPassword, &given.token).await?;
    tx.commit().await?;
    given.password.must_be_uncommon("/password", Some(&opened.address()?))?;
    let hash = passwords.hash(given.password.password())?;
    let kept = given.keep_ways_in.map(|List(kept)| kept).unwrap_or_default();
    let tx = db.begin_service().await?;
    let mailbox = mailbox::lock(&tx, opened.user_id).await?.ok_or_else(mail_link::refused)?;
    mail_link::take(&tx, Purpose::ResetPassword, &given.token).await?.ok_or_else(mail_link::refused)?;
    password_change::reset(&tx, &mailbox, &hash, &kept, caller.as_ref()).await?;
    tx.commit().await?;
    // The password is changed and the link used up, whatever becomes of this.
    if let Err(error) = credentials::unlock(&db, &limits, &client, &opened.email).await {
        tracing::warn!(error_code = error.code().as_str(), "the attempts before a reset still count");
    }
    Ok(NoContent)
}
