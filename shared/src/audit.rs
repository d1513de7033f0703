//! The audit log: what was done to accounts, by whom, in the transaction that did it.

use serde_json::Value;
use uuid::Uuid;

use crate::database::Tx;
use crate::error::Result;

/// One act. It names ids and states, never a name, an address, a secret or content.
#[derive(Debug)]
pub struct Act<'a> {
    /// Who did it; `None` for the system and for somebody who is not signed in. In a transaction of a request, the
    /// caller and nobody else.
    pub actor: Option<Uuid>,
    /// Noun and verb in the past tense, for example `user.roles_changed`.
    pub action: &'a str,
    /// The kind of thing it was done to, for example `user`.
    pub entity_type: &'a str,
    /// Which one.
    pub entity_id: Option<Uuid>,
    /// A JSON object of what changed. Where neither the actor nor the entity is the person whom it concerns, its `user_id`
    /// is: people's exports find it by that.
    pub payload: Value,
}

/// Writes the act down. Pipeline it with what it records. A transaction of a request writes through a door that knows which
/// acts a person's own are (`identity.own_acts`) and who calls; another's is a 500.
pub async fn record(tx: &Tx, act: Act<'_>) -> Result<()> {
    let id = Uuid::now_v7();
    if tx.is_of_request() {
        let sql = "select identity.record_own_act($1, $2, $3, $4, $5)";
        tx.execute(sql, &[&id, &act.action, &act.entity_type, &act.entity_id, &act.payload]).await?;
        return Ok(());
    }
    tx.execute(
        "insert into identity.audit_log (id, actor_id, action, entity_type, entity_id, payload)
         values ($1, $2, $3, $4, $5, $6)",
        &[
            &id,
            &act.actor,
            &act.action,
            &act.entity_type,
            &act.entity_id.map(|id| id.to_string()),
            &act.payload,
        ],
    )
    .await?;
    Ok(())
}
