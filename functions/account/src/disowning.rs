//! "No, that was not me": what the reader of a mailbox says to an account that somebody registered with its address.

use serde_json::json;
use shared::audit::{self, Act};
use shared::database::Parameter;
use shared::prelude::*;

use crate::export;
use crate::sign_in::{self, Because};

/// Closes every way into an account that never proved its address, frees the address, and marks the account for erasure
/// after the usual days of grace. Must be a transaction of the service. 409 for the last admin.
pub async fn disown(tx: &Tx, user_id: Uuid) -> Result<()> {
    let acts = ["email.disowned", "sign_in.revoked", "user.deletion_requested"];
    let because = || json!({ "because": "address_disowned" });
    let act = |action| Act {
        actor: None,
        action,
        entity_type: "user",
        entity_id: Some(user_id),
        payload: because(),
    };
    let [disowned, revoked, requested] = acts.map(act);
    tokio::try_join!(
        biased;
        close(tx, user_id),
        export::end_all(tx, user_id),
        sign_in::revoke_all_but(tx, user_id, None, Because::Revoked),
        audit::record(tx, disowned),
        audit::record(tx, revoked),
        audit::record(tx, requested),
    )?;
    Ok(())
}

async fn close(tx: &Tx, user_id: Uuid) -> Result<u64> {
    let sql = "with password as (delete from identity.passwords where user_id = $1),
                    account as (delete from identity.external_accounts where user_id = $1),
                    links as (delete from identity.mail_tokens where user_id = $1),
                    address as (delete from identity.emails where user_id = $1),
                    mails as (delete from platform.outbox where user_id = $1 and state <> 'done')
               update identity.users
               set email = null, deletion_requested_at = coalesce(deletion_requested_at, now()), updated_at = now()
               where id = $1";
    let parameters: &[&dyn Parameter] = &[&user_id];
    tx.execute(sql, parameters).await.on_constraint("users_last_admin", || conflict("the last admin stays"))
}
