//! Choose another password; ends every other sign-in.

use account::credentials;
use account::email::Email;
use account::password::{NewPassword, Password, Passwords};
use account::password_change;
use account::person;
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(post("/api/v1/identity/password/change", change).or(403, "wrong password"))
}

/// The old password and the new one.
#[input]
struct PasswordChange {
    /// The password until now.
    current_password: Password,
    /// 8 to 128 characters, not one that is tried first.
    new_password: NewPassword,
}

async fn change(
    db: AccountsDb,
    user: User,
    limits: Limits,
    passwords: Passwords,
    client: Client,
    Json(given): Json<PasswordChange>,
) -> Result<NoContent> {
    let checked =
        credentials::verify_again(&db, &limits, &passwords, &client, &user, &given.current_password).await?;
    let tx = db.begin(&user).await?;
    let address = tx.commit_with(async |tx| person::get(tx, &user).await).await?.email;
    // Somebody of an outside sign-in may have an address that is none of ours.
    let email = address.and_then(|address| Email::parse(&address).ok());
    given.new_password.must_be_uncommon("/new_password", email.as_ref())?;
    let hash = passwords.hash(given.new_password.password())?;
    let tx = db.begin_service().await?;
    password_change::change(&tx, &user, &checked, &hash).await?;
    tx.commit().await?;
    Ok(NoContent)
}
