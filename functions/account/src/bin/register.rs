//! Register with an e-mail address and a password.

use account::optional_caller::MaybeAdmin;
use account::password::Passwords;
use account::person::UserRead;
use account::registration::{self, Registration};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/identity/auth/register", register)
            .or(403, "only an admin may give roles")
            .or(403, "`PROOF_REQUIRED`: the admin who gives roles signed in more than 15 minutes ago")
            .or(409, "User with this email already exists")
            .or(409, "An admin's address is proven first"),
    )
}

async fn register(
    _: OwnSignIn,
    db: AccountsDb,
    limits: Limits,
    passwords: Passwords,
    client: Client,
    MaybeAdmin(admin): MaybeAdmin,
    Json(new): Json<Registration>,
) -> Result<Created<UserRead>> {
    let roles = new.roles_by(admin.as_ref())?;
    // An admin may bring in a whole class.
    if admin.is_none() {
        registration::limit(&db, &limits, &client).await?;
    }
    new.password.must_be_uncommon("/password", Some(&new.email))?;
    let hash = passwords.hash(new.password.password())?;
    let tx = db.begin_service().await?;
    let user = registration::register(&tx, &new, &roles, &hash, admin.as_ref(), &client).await?;
    tx.commit().await?;
    Ok(Created(user))
}
