//! The transactional outbox: work outside the database that lasts or vanishes with the transaction that wants it.
//!
//! A route puts a [`Message`] in with [`enqueue`]. A worker takes due messages with [`claim`] and commits, works
//! without a transaction, and says [`done`] or [`failed`] in another one. So each message is worked on at least once,
//! and more than once only after a worker died or outlived its lease: whoever receives tells repeats by the message's
//! `dedup_key`.

mod work;

use serde_json::Value;
use uuid::Uuid;

use crate::database::Tx;
use crate::error::Result;

pub(crate) use work::backoff;
pub use work::{Claimed, Dead, Failure, claim, done, failed, purge, replay};

/// What is to be done.
#[derive(Debug)]
pub struct Message<'a> {
    /// Which worker it is for, for example `mail`.
    pub topic: &'a str,
    /// Two messages with one key are one message, for as long as the first is kept. Letters, digits and `.`, `_`, `:`,
    /// `-`, at most 200; an id and a purpose (`reset_password:0190…`), never an address.
    pub dedup_key: &'a str,
    /// Whom it concerns: the row goes with the person.
    pub user_id: Option<Uuid>,
    /// A JSON object for the worker. It may hold secrets, and is cleared once the work is done.
    pub payload: Value,
}

/// Puts a message in; one with its key that is there already stays as it is. Pipeline it with what it tells of. Must be a
/// transaction of the service: what is in here goes out under the product's name.
///
/// A mail whose address has had enough mails lately is not put in, whatever it is about, and neither is word of an account
/// to an address that nobody has proven: the table sees to that (`platform.admit_mail`), so that no caller can forget it,
/// and counts them in `platform.mails_held_back`. What is to last only together with the mail looks for its row.
pub async fn enqueue(tx: &Tx, message: &Message<'_>) -> Result<()> {
    // Naming the key as the conflict's target would demand the right to read it.
    let put_in = tx
        .execute(
            "insert into platform.outbox (id, topic, dedup_key, user_id, payload) values ($1, $2, $3, $4, $5)
             on conflict do nothing",
            &[&Uuid::now_v7(), &message.topic, &message.dedup_key, &message.user_id, &message.payload],
        )
        .await?;
    if put_in == 0 {
        let kind = message.dedup_key.split(':').next();
        tracing::info!(
            topic = message.topic,
            kind,
            "outbox message held back: known already, or one too many"
        );
    }
    Ok(())
}
