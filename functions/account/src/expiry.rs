//! What nobody can use any more, and how each kind of it is deleted.

use shared::outbox;
use shared::prelude::*;

/// One kind of rows that expire.
pub struct Kind {
    /// The table.
    pub table: &'static str,
    /// Deletes at most `$1` of them. Rows that somebody is using are left for the next time.
    delete: &'static str,
}

/// How long messages that are sent, or that nothing could send, are kept: no longer than the links in dead ones work.
const OUTBOX_DAYS: i32 = 7;

/// Every kind but the outbox, see [`purge_outbox`].
pub const KINDS: [Kind; 6] = [
    // A month longer than they work: for 30 days after a sign-in its network counts as the person's own, when somebody
    // guesses their password there. With a sign-in go its refresh tokens.
    Kind {
        table: "identity.sign_ins",
        delete: "delete from identity.sign_ins where id in (
                     select id from identity.sign_ins
                     where expires_at < now() - interval '30 days' or revoked_at < now() - interval '30 days'
                     limit $1 for update skip locked)",
    },
    Kind {
        table: "identity.mail_tokens",
        delete: "delete from identity.mail_tokens where token_hash in (
                     select token_hash from identity.mail_tokens where expires_at < now()
                     limit $1 for update skip locked)",
    },
    Kind {
        table: "identity.oidc_attempts",
        delete: "delete from identity.oidc_attempts where state_hash in (
                     select state_hash from identity.oidc_attempts where expires_at < now()
                     limit $1 for update skip locked)",
    },
    Kind {
        table: "identity.rate_limits",
        delete: "delete from identity.rate_limits where key in (
                     select key from identity.rate_limits where expires_at < now()
                     limit $1 for update skip locked)",
    },
    // With an export go its archives.
    Kind {
        table: "identity.exports",
        delete: "delete from identity.exports where id in (
                     select id from identity.exports where expires_at < now()
                     limit $1 for update skip locked)",
    },
    // They are never changed once they are there, so that nothing needs to be skipped (and no job may lock them).
    Kind {
        table: "identity.idempotency_keys",
        delete: "delete from identity.idempotency_keys where (user_id, route, key) in (
                     select user_id, route, key from identity.idempotency_keys
                     where created_at < now() - interval '7 days'
                     limit $1)",
    },
];

/// Deletes at most `limit` rows of a kind; gives their number. Must be a transaction of the service.
pub async fn purge(tx: &Tx, kind: &Kind, limit: i64) -> Result<u64> {
    tx.execute(kind.delete, &[&limit]).await
}

/// Deletes messages of the outbox `OUTBOX_DAYS` after they were put in, unless they still wait; gives their number.
pub async fn purge_outbox(tx: &Tx) -> Result<u64> {
    outbox::purge(tx, OUTBOX_DAYS).await
}
