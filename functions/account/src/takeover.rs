//! An address that goes from an account that never proved it to whoever does. The content stays where it is.

use serde_json::json;
use shared::audit::{self, Act};
use shared::database::Parameter;
use shared::prelude::*;

use crate::export;
use crate::mailbox::Mailbox;
use crate::password;

/// A new person gets the address of a mailbox that nobody proved, with a password's hash. The other keeps what they have,
/// their sign-ins too, and may add another address. Must be a transaction of the service that holds the mailbox's row.
pub async fn begin_anew(tx: &Tx, mailbox: &Mailbox, hash: &str) -> Result<()> {
    let user_id = Uuid::now_v7();
    insert(tx, user_id, mailbox).await?;
    move_address(tx, mailbox.user_id, user_id, &mailbox.email).await?;
    let registered = act("user.registered", Some(user_id), user_id, json!({ "roles": ["student"] }));
    let reset = act("password.reset", Some(user_id), user_id, json!({}));
    tokio::try_join!(
        biased;
        audit::record(tx, registered),
        password::set(tx, user_id, hash),
        audit::record(tx, reset),
    )?;
    Ok(())
}

async fn insert(tx: &Tx, user_id: Uuid, mailbox: &Mailbox) -> Result<()> {
    let sql = "insert into identity.users (id, email, locale) values ($1, $2, $3)";
    tx.execute(sql, &[&user_id, &mailbox.email, &mailbox.locale]).await?;
    Ok(())
}

/// Moves the address from the account that never proved it to another, who has. What waited for its reader is gone with it:
/// links, mails, exports. Whoever proved it at the same moment has it: 409.
pub async fn move_address(tx: &Tx, from: Uuid, to: Uuid, email: &str) -> Result<()> {
    let update = "with profile as (
                      update identity.users set email = null, updated_at = now() where id = $1 and email = $3
                  ), links as (
                      delete from identity.mail_tokens where user_id = $1 and email = $3
                  ), mails as (
                      delete from platform.outbox where user_id = $1 and state <> 'done' and payload ->> 'to' = $3
                  )
                  update identity.emails set user_id = $2, verified_at = now(), created_at = now(), registered_with = null
                  where email = $3 and user_id = $1 and verified_at is null";
    let parameters: &[&dyn Parameter] = &[&from, &to, &email];
    let (moved, (), (), ()) = tokio::try_join!(
        biased;
        tx.execute(update, parameters),
        export::end_all(tx, from),
        audit::record(tx, act("email.removed", None, from, json!({ "because": "address_claimed" }))),
        audit::record(tx, act("email.verified", Some(to), to, json!({}))),
    )?;
    match moved {
        1 => Ok(()),
        _ => Err(conflict("an account with this e-mail address exists already")),
    }
}

fn act(action: &str, actor: Option<Uuid>, user_id: Uuid, payload: serde_json::Value) -> Act<'_> {
    Act { actor, action, entity_type: "user", entity_id: Some(user_id), payload }
}
