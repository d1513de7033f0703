//! What nobody can use any more, and how each kind of it is deleted.

use shared::outbox;
use shared::prelude::*;
use shared::settings::{self, SettingError};

/// One kind of rows that expire.
pub struct Kind {
    /// The table.
    pub table: &'static str,
    /// Deletes at most `$1` of them. Rows that somebody is using are left for the next time.
    delete: &'static str,
}

/// How long messages that are sent are kept, for their keys and for the count of mails to an address.
const OUTBOX_DAYS: i32 = 7;

/// Every kind but what the outbox has done, see [`purge_outbox`], and the audit log, see [`purge_audit`].
pub const KINDS: [Kind; 13] = [
    // A month longer than they work: for 30 days after a sign-in its network counts as the person's own, when somebody
    // guesses their password there. With a sign-in go its refresh tokens.
    Kind {
        table: "identity.sign_ins",
        delete: "delete from identity.sign_ins where id in (
                     select id from identity.sign_ins
                     where expires_at < now() - interval '30 days' or revoked_at < now() - interval '30 days'
                     limit $1 for update skip locked)",
    },
    // Exchanged ones. A copy that comes back later than this is refused like any token that never was; until then it ends
    // the sign-in.
    Kind {
        table: "identity.refresh_tokens",
        delete: "delete from identity.refresh_tokens where token_hash in (
                     select token_hash from identity.refresh_tokens where replaced_at < now() - interval '1 day'
                     limit $1 for update skip locked)",
    },
    // Mails that nothing could send, with the address and the link in them: kept for `replay-mail` as long as the link
    // works, and no longer than a weekend.
    Kind {
        table: "platform.outbox",
        delete: "delete from platform.outbox where id in (
                     select id from platform.outbox
                     where state = 'dead' and topic = 'mail'
                       and created_at < now() - case payload ->> 'template' when 'reset_password' then interval '1 hour'
                                                                            when 'change_email' then interval '1 day'
                                                                            else interval '3 days' end
                     limit $1 for update skip locked)",
    },
    // Answers that were written while they were read: who lost one asks again within the day. With a run go its events.
    Kind {
        table: "platform.runs",
        delete: "delete from platform.runs where id in (
                     select id from platform.runs where started_at < now() - interval '1 day'
                     limit $1 for update skip locked)",
    },
    // With a job go its steps and its dead letter.
    Kind {
        table: "platform.jobs",
        delete: "delete from platform.jobs where id in (
                     select id from platform.jobs where finished_at < now() - interval '90 days'
                     limit $1 for update skip locked)",
    },
    Kind {
        table: "platform.model_calls",
        delete: "delete from platform.model_calls where id in (
                     select id from platform.model_calls where called_at < now() - interval '400 days'
                     limit $1 for update skip locked)",
    },
    Kind {
        table: "platform.budgets",
        delete: "delete from platform.budgets where (user_id, day) in (
                     select user_id, day from platform.budgets where day < now() - interval '7 days'
                     limit $1 for update skip locked)",
    },
    Kind {
        table: "platform.mails_held_back",
        delete: "delete from platform.mails_held_back where (day, template, reason) in (
                     select day, template, reason from platform.mails_held_back where day < now() - interval '90 days'
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

/// How many days the audit log is kept: `AUDIT_RETENTION_DAYS`, default 400, so that a year can be looked back on. Never less
/// than the 90 days within which the database lets nobody delete an act.
pub fn audit_days() -> Result<u64, SettingError> {
    settings::number("AUDIT_RETENTION_DAYS", 400, 90)
}

/// Deletes at most `limit` rows of a kind; gives their number. Must be a transaction of the service.
pub async fn purge(tx: &Tx, kind: &Kind, limit: i64) -> Result<u64> {
    tx.execute(kind.delete, &[&limit]).await
}

/// Deletes at most `limit` acts that the audit log has kept for long enough; gives their number. Must be a transaction of the
/// service.
pub async fn purge_audit(tx: &Tx, limit: i64) -> Result<u64> {
    #[derive(FromRow)]
    struct Gone {
        gone: i64,
    }
    let days = i32::try_from(audit_days().map_err(internal)?.min(100_000))?;
    let Gone { gone } = tx.one("select identity.forget_old_acts($1, $2) as gone", &[&days, &limit]).await?;
    Ok(gone.unsigned_abs())
}

/// Deletes messages of the outbox `OUTBOX_DAYS` after they were put in, unless they still wait; gives their number.
pub async fn purge_outbox(tx: &Tx) -> Result<u64> {
    outbox::purge(tx, OUTBOX_DAYS).await
}
