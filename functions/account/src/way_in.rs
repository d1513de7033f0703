//! Ways into an account: its password, and the accounts elsewhere that open it.

use serde_json::json;
use shared::audit::{self, Act};
use shared::outbox::{self, Message};
use shared::prelude::*;

use crate::mailbox;
use crate::oidc::Provider;

text_enum! {
    /// What opens an account.
    pub enum WayInKind {
        /// The address and a password.
        Password = "password",
        /// An account at Google.
        Google = "google",
        /// An account at Clever.
        Clever = "clever",
    }
}

/// One way into an account.
#[row]
pub struct WayIn {
    /// By which it is removed; null for the password, which is changed and not removed.
    pub id: Option<Uuid>,
    /// What it is.
    pub kind: WayInKind,
    /// The address of the account elsewhere, as its provider last said it.
    pub email: Option<String>,
    /// Since when it opens the account; for a password, when it was last set.
    pub added_at: Time,
    /// When it last did; null if that was never, or months ago.
    pub last_used_at: Option<Time>,
}

/// Every way into an account, the password first.
#[answer]
pub struct WaysIn {
    /// The list.
    pub items: Vec<WayIn>,
}

/// The way in of a path.
#[input]
pub struct WayInPath {
    /// The way in's id.
    pub way_in_id: Uuid,
}

/// Every way into a person's account. Works in their own transaction and in the service's.
pub async fn list(tx: &Tx, user_id: Uuid) -> Result<WaysIn> {
    let items = tx
        .list(
            "select null::uuid as id, 'password' as kind, null::text as email, updated_at as added_at,
                    (select max(created_at) from identity.sign_ins where user_id = $1 and method = 'password')
                        as last_used_at
             from identity.passwords where user_id = $1
             union all
             select id, provider, email, created_at, last_login_at
             from identity.external_accounts where user_id = $1
             order by id nulls first",
            &[&user_id],
        )
        .await?;
    Ok(WaysIn { items })
}

#[derive(FromRow)]
struct Held {
    provider: String,
    is_removed: bool,
}

/// Takes an account elsewhere away from the caller, ends the sign-ins that were made by it, and tells them by mail. 404 for
/// one that is not theirs, 409 for the last way in. Must be a transaction of the service.
pub async fn remove(tx: &Tx, user: &User, id: Uuid) -> Result<()> {
    let (_, (), (), held) = tokio::try_join!(
        biased;
        // Whoever changes both locks the mailbox first.
        mailbox::lock(tx, user.id),
        lock(tx, user.id),
        end_sign_ins(tx, user.id, id),
        delete(tx, user.id, id),
    )?;
    let Held { provider, is_removed } = held.ok_or_else(|| not_found("way in not found"))?;
    if !is_removed {
        return Err(conflict("the last way in stays"));
    }
    removed(tx, Some(user.id), user.id, Provider::of(&provider)?).await
}

/// Takes every account elsewhere away but those of `kept`, and tells the person of each. Whose sign-ins end is for the
/// caller to say. Must be a transaction of the service.
pub async fn remove_all_but(tx: &Tx, user_id: Uuid, kept: &[Uuid]) -> Result<()> {
    #[derive(FromRow)]
    struct Removed {
        provider: String,
    }
    let all: Vec<Removed> = tx
        .list(
            "delete from identity.external_accounts where user_id = $1 and id <> all ($2) returning provider",
            &[&user_id, &kept.to_vec()],
        )
        .await?;
    for Removed { provider } in all {
        removed(tx, Some(user_id), user_id, Provider::of(&provider)?).await?;
    }
    Ok(())
}

/// Of two removals at once the second sees what the first has left.
async fn lock(tx: &Tx, user_id: Uuid) -> Result<()> {
    tx.execute("select from identity.users where id = $1 for update", &[&user_id]).await?;
    Ok(())
}

/// Sign-ins from before they said which account made them go by its provider.
async fn end_sign_ins(tx: &Tx, user_id: Uuid, id: Uuid) -> Result<()> {
    tx.execute(
        "update identity.sign_ins s set revoked_at = now(), revoked_because = 'revoked'
         from identity.external_accounts a
         where a.id = $2 and a.user_id = $1 and s.user_id = $1 and s.revoked_at is null
           and (s.external_account_id = a.id or s.external_account_id is null and s.method = a.provider)",
        &[&user_id, &id],
    )
    .await?;
    Ok(())
}

async fn delete(tx: &Tx, user_id: Uuid, id: Uuid) -> Result<Option<Held>> {
    tx.find(
        "with removed as (
             delete from identity.external_accounts
             where id = $2 and user_id = $1
               and (exists (select from identity.passwords where user_id = $1)
                    or exists (select from identity.external_accounts as other where other.user_id = $1 and other.id <> $2))
             returning id
         )
         select provider, removed.id is not null as is_removed
         from identity.external_accounts as held left join removed on true
         where held.id = $2 and held.user_id = $1",
        &[&user_id, &id],
    )
    .await
}

async fn removed(tx: &Tx, actor: Option<Uuid>, user_id: Uuid, provider: Provider) -> Result<()> {
    let act = Act {
        actor,
        action: "external_account.removed",
        entity_type: "user",
        entity_id: Some(user_id),
        payload: json!({ "method": provider }),
    };
    audit::record(tx, act).await?;
    tell(tx, user_id, "way_in_removed", provider).await
}

/// Mails the person that a way in was added or removed, if their address is known to be theirs.
pub async fn tell(tx: &Tx, user_id: Uuid, template: &str, provider: Provider) -> Result<()> {
    let Some(mailbox) = mailbox::lock(tx, user_id).await?.filter(|mailbox| mailbox.is_verified) else {
        return Ok(());
    };
    let message = Message {
        topic: "mail",
        dedup_key: &format!("{template}:{}", Uuid::now_v7()),
        user_id: Some(user_id),
        payload: json!({
            "template": template,
            "to": mailbox.email,
            "locale": mailbox.locale,
            "way": provider.label(),
        }),
    };
    outbox::enqueue(tx, &message).await
}
