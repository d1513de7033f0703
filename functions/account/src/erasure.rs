//! Erasure: a person asks to be deleted, may change their mind for two weeks, and is then erased with all that is theirs.

use std::time::Duration;

use serde_json::json;
use shared::audit::{self, Act};
use shared::limit::{Limits, Rule};
use shared::outbox::{self, Message};
use shared::prelude::*;
use shared::recipient;
use shared::settings;

use crate::sign_in;
use crate::sign_in::Because;

/// A deletion that is under way.
#[row]
pub struct Deletion {
    /// The day (UTC) on which everything is erased; until then it can be cancelled.
    pub erased_on: Day,
}

/// A person whose days of grace are over.
#[derive(FromRow)]
pub struct Due {
    /// The person.
    pub user_id: Uuid,
}

/// 429 after a person has asked 10 times within an hour to be deleted or kept: each change of mind is a mail and an act.
pub async fn limit(db: &Db, limits: &Limits, user: &User) -> Result<()> {
    let hour = Duration::from_secs(60 * 60);
    limits
        .take(db, &[Rule { name: "deletion:person", key: user.id.to_string(), max: 10, window: hour }])
        .await
}

/// Marks the person, who must have a row, for erasure, ends all their sign-ins and mails them the day, if their address is
/// known to be theirs. Repeated, it only
/// tells the day. 409 for the last admin. Must be a transaction of the service, which sees all admins.
pub async fn request(tx: &Tx, user: &User) -> Result<Deletion> {
    let Some(deletion) = mark(tx, user).await? else { return marked(tx, user).await };
    let Deletion { erased_on } = deletion;
    let (_, recipient, ()) = tokio::try_join!(
        biased;
        sign_in::revoke_all_but(tx, user.id, None, Because::Deletion),
        recipient::find(tx, user.id),
        audit::record(tx, act("user.deletion_requested", Some(user.id), user.id)),
    )?;
    if let Some(recipient) = recipient.filter(|recipient| recipient.takes_notices) {
        let message = Message {
            topic: "mail",
            // A person may change their mind and ask again.
            dedup_key: &format!("deletion_requested:{}", Uuid::now_v7()),
            user_id: Some(user.id),
            payload: json!({
                "template": "deletion_requested",
                "to": recipient.email,
                "locale": recipient.locale,
                "erased_on": erased_on,
                "link": format!("{}/restore", settings::app_url()),
            }),
        };
        outbox::enqueue(tx, &message).await?;
    }
    Ok(deletion)
}

/// The day is one more than the days of grace, so that the job, which runs in its early hours, finds them over.
async fn mark(tx: &Tx, user: &User) -> Result<Option<Deletion>> {
    tx.find(
        "update identity.users set deletion_requested_at = now()
         where id = $1 and deletion_requested_at is null
         returning (deletion_requested_at at time zone 'UTC')::date + 15 as erased_on",
        &[&user.id],
    )
    .await
    .on_constraint("users_last_admin", || conflict("the last admin stays"))
}

async fn marked(tx: &Tx, user: &User) -> Result<Deletion> {
    tx.one(
        "select (deletion_requested_at at time zone 'UTC')::date + 15 as erased_on
         from identity.users where id = $1 and deletion_requested_at is not null",
        &[&user.id],
    )
    .await
}

/// Takes the request back; 409 if there is none. Must be a transaction of the service.
pub async fn cancel(tx: &Tx, user: &User) -> Result<()> {
    let sql = "update identity.users set deletion_requested_at = null
               where id = $1 and deletion_requested_at is not null";
    if tx.execute(sql, &[&user.id]).await? == 0 {
        return Err(conflict("no deletion was requested"));
    }
    audit::record(tx, act("user.deletion_cancelled", Some(user.id), user.id)).await
}

/// One person whose days of grace are over, locked until the transaction ends, besides those that are `passed_over`.
/// Who is being restored at this moment is skipped.
pub async fn next_due(tx: &Tx, passed_over: &[Uuid]) -> Result<Option<Due>> {
    tx.find(
        "select id as user_id from identity.users
         where deletion_requested_at < (date_trunc('day', now() at time zone 'UTC') - interval '14 days')
                                       at time zone 'UTC'
           and id <> all ($1)
         order by deletion_requested_at
         limit 1
         for update skip locked",
        &[&passed_over.to_vec()],
    )
    .await
}

/// Deletes the person and, by the foreign keys, every row that is theirs. What stays is the audit log, which has ids and
/// nothing else of them.
pub async fn erase(tx: &Tx, person: &Due) -> Result<()> {
    tokio::try_join!(biased; delete(tx, person), audit::record(tx, act("user.erased", None, person.user_id)))?;
    Ok(())
}

async fn delete(tx: &Tx, person: &Due) -> Result<u64> {
    tx.execute("delete from identity.users where id = $1", &[&person.user_id]).await
}

fn act(action: &str, actor: Option<Uuid>, user_id: Uuid) -> Act<'_> {
    Act { actor, action, entity_type: "user", entity_id: Some(user_id), payload: json!({}) }
}
