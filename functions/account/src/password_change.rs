//! Another password: by the old one, or by a link in a mail.

use std::time::Duration;

use shared::audit::{self, Act};
use shared::error::Code;
use shared::limit::{Limits, Rule};
use shared::log::trace;
use shared::prelude::*;

use crate::email::Email;
use crate::mailbox::{self, Mailbox};
use crate::password::{self, NewPassword};
use crate::sign_in::{self, Because};
use crate::{export, mail_link, takeover, way_in};

/// A new password and the link that allows it.
#[input]
pub struct PasswordReset {
    /// The link's `token`.
    pub token: Text<1, 256>,
    /// 8 to 128 characters, not one that is tried first.
    pub password: NewPassword,
    /// The ids of the accounts elsewhere that go on opening this one; none if it is left out. What there is, the route that
    /// shows the holder of a link tells.
    pub keep_ways_in: Option<List<Uuid, 100>>,
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Whether a link may be mailed to an address. 429 after 60 requests an hour from one network, which a school
/// may share; more than 3 an hour for one address are passed over in silence, because a refusal would be about the address,
/// and mails a nuisance to its owner.
pub async fn may_mail(db: &Db, limits: &Limits, client: &Client, email: &Email) -> Result<bool> {
    let address = Rule { name: "reset:account", key: email.as_str().to_owned(), max: 3, window: HOUR };
    let network = Rule::of_network("reset:network", client, 60, HOUR);
    limits.take(db, &network).await.map_err(|error| error.about(email.as_str()))?;
    match limits.take(db, &[address]).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Code::RateLimited => {
            // The answer says nothing of it, so its log line does not either.
            tracing::info!(
                rule = error.rule(),
                account = trace::account(email.as_str()),
                "passed over in silence"
            );
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Longer than it takes to put a mail in, or to find that there is nobody to mail.
const STEP: Duration = Duration::from_millis(300);

/// How long after the request for a link its answer leaves, so that the time does not tell whether there is such an account:
/// one step, and where a busy machine took longer, as many whole steps as it takes. So a few milliseconds more show as a
/// whole step or not at all; and of one address three answers an hour could tell anything, see [`may_mail`].
pub fn answer_after(work: Duration) -> Duration {
    let steps = work.as_millis().div_ceil(STEP.as_millis()).max(1);
    STEP * u32::try_from(steps).unwrap_or(u32::MAX)
}

/// Sets the password of somebody who came by a link, which shows that the mailbox is theirs. Ends every sign-in, and every
/// account elsewhere but those that they keep. Where nobody had shown that before and `caller` is not signed in to the
/// account, the mailbox is all that becomes theirs: they begin with an empty account.
pub async fn reset(
    tx: &Tx,
    mailbox: &Mailbox,
    hash: &str,
    kept: &[Uuid],
    caller: Option<&User>,
) -> Result<()> {
    let user_id = mailbox.user_id;
    if !mailbox.is_verified && caller.is_none_or(|caller| caller.id != user_id) {
        return takeover::begin_anew(tx, mailbox, hash).await;
    }
    mailbox::verify(tx, user_id).await?;
    way_in::remove_all_but(tx, user_id, kept).await?;
    let ((), (), (), ended) = tokio::try_join!(
        biased;
        password::set(tx, user_id, hash),
        mail_link::end_all(tx, user_id),
        export::end_all(tx, user_id),
        sign_in::revoke_all_but(tx, user_id, None, Because::Password),
    )?;
    tell(tx, user_id, "password.reset", ended).await
}

/// Sets the caller's password in the place of the one whose hash was checked, and ends every other sign-in. 403 if
/// somebody has changed it since.
pub async fn change(tx: &Tx, user: &User, checked: &str, hash: &str) -> Result<()> {
    if !password::replace(tx, user.id, checked, hash).await? {
        return Err(forbidden("wrong password"));
    }
    let ((), (), ended) = tokio::try_join!(
        biased;
        mail_link::end_all(tx, user.id),
        export::end_all(tx, user.id),
        sign_in::revoke_all_but(tx, user.id, user.sign_in, Because::Password),
    )?;
    tell(tx, user.id, "password.changed", ended).await
}

/// The audit log's entry and, where the person has a mailbox here, a mail: it may not have been them.
async fn tell(tx: &Tx, user_id: Uuid, action: &str, ended: u64) -> Result<()> {
    let act = Act {
        actor: Some(user_id),
        action,
        entity_type: "user",
        entity_id: Some(user_id),
        payload: serde_json::json!({ "ended_sign_ins": ended }),
    };
    let ((), mailbox) = tokio::try_join!(biased; audit::record(tx, act), mailbox::lock(tx, user_id))?;
    if let Some(Mailbox { email, locale, .. }) = mailbox {
        mail_link::send_notice(tx, user_id, "password_changed", &email, &locale).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_leaves_in_whole_steps() {
        let after = |millis| answer_after(Duration::from_millis(millis)).as_millis();
        assert_eq!(
            [0, 10, 299, 300, 301, 317, 599, 601].map(after),
            [300, 300, 300, 300, 600, 600, 600, 900]
        );
    }
}
