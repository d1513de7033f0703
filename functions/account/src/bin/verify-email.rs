//! Verify an e-mail address with the link that was mailed to it, as the person who registered it.
//!
//! The link shows that somebody reads the mailbox; only together with a proof of the account is that its person.

use account::credentials::{self, Credentials};
use account::mail_link::{self, Purpose};
use account::mailbox;
use account::optional_caller::MaybeUser;
use account::password::{Password, Passwords};
use shared::limit::Limits;
use shared::prelude::*;

fn main() {
    serve(
        post("/api/v1/identity/email/verify", verify)
            .or(401, "The password is wrong")
            .or(
                403,
                "`PROOF_REQUIRED`: the caller is not signed in to the account of the link and gives no password; ask them \
                 whether it was them: if not, `/api/v1/identity/email/disown` closes the account",
            ),
    )
}

/// A link, with the proof of whoever follows it.
#[input]
struct Verification {
    /// The link's `token`.
    token: Text<1, 256>,
    /// The account's password; not needed by somebody who is signed in to the account.
    password: Option<Password>,
}

async fn verify(
    db: AccountsDb,
    MaybeUser(caller): MaybeUser,
    limits: Limits,
    passwords: Passwords,
    client: Client,
    Json(given): Json<Verification>,
) -> Result<NoContent> {
    let tx = db.begin_service().await?;
    let link = mail_link::look(&tx, Purpose::VerifyEmail, &given.token).await?;
    tx.commit().await?;
    if link.is_proven {
        return Ok(NoContent);
    }
    let proven = match given.password {
        _ if caller.is_some_and(|caller| caller.id == link.user_id) => None,
        Some(password) => {
            let credentials = Credentials { email: link.address()?, password };
            Some(credentials::verify(&db, &limits, &passwords, &client, &credentials).await?)
        }
        None => {
            return Err(proof_required(
                "sign in to this account, or give its password, to confirm the address",
            ));
        }
    };
    let tx = db.begin_service().await?;
    mailbox::lock(&tx, link.user_id).await?;
    if let Some(proven) = proven {
        proven.must_still_hold(&tx).await?;
    }
    // Of two at once the second finds it done.
    if mail_link::take(&tx, Purpose::VerifyEmail, &given.token).await?.is_none() {
        mail_link::look(&tx, Purpose::VerifyEmail, &given.token).await?;
        return Ok(NoContent);
    }
    mailbox::verify(&tx, link.user_id).await?;
    tx.commit().await?;
    Ok(NoContent)
}
