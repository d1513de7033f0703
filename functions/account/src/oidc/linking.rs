//! An account elsewhere that a signed-in person adds to theirs: the way for all whose provider does not speak for their
//! address, and for accounts with another one.

use shared::prelude::*;

use super::attempt::Attempt;
use super::external_account;
use super::failure::{Failure, Reason};
use super::{Identity, ReturnTo};
use crate::mailbox;
use crate::password::Password;

/// What a page may ask of a linking.
#[input]
pub struct StartLinking {
    /// The page to come back to: a path of the web application, `/` if absent.
    #[default]
    pub return_to: ReturnTo,
    /// The caller's password, where they signed in more than 15 minutes ago.
    pub password: Option<Password>,
}

/// Where the browser goes on.
#[answer]
pub struct LinkingStarted {
    /// The provider's page. The browser that goes there must have taken this answer's cookie along.
    pub location: String,
}

#[derive(FromRow)]
struct Asker {
    is_deactivated: bool,
    /// What holds the sign-in by which they asked; null once it has ended, or if it was none of this system.
    kind: Option<String>,
}

/// Adds the account to the person who began the attempt, and tells them by mail; again changes nothing. 403 if they are not
/// signed in any more, or this browser is somebody else's meanwhile; 409 if the account is another person's way in.
pub async fn link(tx: &Tx, identity: &Identity, attempt: &Attempt, caller: Option<&User>) -> Result<()> {
    let user_id = attempt.user_id.ok_or_else(|| internal("an attempt of nobody links nothing"))?;
    must_still_ask(tx, attempt, user_id, caller).await?;
    let ((), known) = tokio::try_join!(biased;
        external_account::lock(tx, identity),
        external_account::find_known(tx, identity),
    )?;
    match known {
        Some(known) if known.user_id == user_id => return Ok(()),
        Some(_) => {
            let failure = Failure::new(Reason::Taken, "the account there is another person's way in");
            return Err(conflict("this account is another person's way in").because(failure));
        }
        None => {}
    }
    let mailbox = mailbox::lock(tx, user_id).await?;
    let is_same = mailbox
        .is_some_and(|mailbox| identity.email.as_ref().is_some_and(|email| email.as_str() == mailbox.email));
    if is_same && identity.is_authoritative {
        mailbox::verify(tx, user_id).await?;
    }
    external_account::add(tx, user_id, identity).await?;
    Ok(())
}

/// The person may have signed out, or have been signed out, while they were with the provider. An attempt that a browser's
/// session began is finished by the same person's session; an app's cookie alone shows that it is the browser that asked.
async fn must_still_ask(tx: &Tx, attempt: &Attempt, user_id: Uuid, caller: Option<&User>) -> Result<()> {
    let asker: Option<Asker> = tx
        .find(
            "select u.deactivated_at is not null as is_deactivated, s.kind
             from identity.users u
             left join identity.sign_ins s
                 on s.id = $2 and s.user_id = u.id and s.revoked_at is null and s.idle_expires_at > now()
             where u.id = $1",
            &[&user_id, &attempt.sign_in_id],
        )
        .await?;
    let holds = match asker {
        Some(Asker { is_deactivated: true, .. }) => return Err(forbidden("the account is deactivated")),
        Some(Asker { kind, .. }) => match (attempt.sign_in_id, kind.as_deref()) {
            (None, _) | (Some(_), Some("token")) => true,
            (Some(_), Some(_)) => caller.is_some_and(|caller| caller.id == user_id),
            (Some(_), None) => false,
        },
        None => false,
    };
    if holds {
        return Ok(());
    }
    let failure = Failure::new(Reason::SignedOut, "who began to add a way in is not signed in any more");
    Err(forbidden("sign in again to add a way in").because(failure))
}
