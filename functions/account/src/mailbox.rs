//! The mailbox behind an account: the address that a person signs in with, and whether it is known to be theirs.

use shared::audit::{self, Act};
use shared::prelude::*;

use crate::email::Email;

/// A person's mailbox.
#[derive(FromRow)]
pub struct Mailbox {
    /// Whose it is.
    pub user_id: Uuid,
    /// The address.
    pub email: String,
    /// Whether the person has shown that they read its mail.
    pub is_verified: bool,
    /// The language that the person reads (BCP 47).
    pub locale: String,
}

/// Who registered an address, as far as its reader is told.
#[derive(FromRow)]
pub struct Registrant {
    /// When.
    pub registered_at: Time,
    /// With which program, in our words.
    pub program: Option<String>,
}

impl Mailbox {
    /// The address as a value; what the database holds is one.
    pub fn address(&self) -> Result<Email> {
        Email::parse(&self.email).map_err(internal)
    }
}

/// The mailbox of a person, if they have one here; a person of an outside sign-in may have none. Locked until the
/// transaction ends.
pub async fn lock(tx: &Tx, user_id: Uuid) -> Result<Option<Mailbox>> {
    tx.find(
        "select e.user_id, e.email, e.verified_at is not null as is_verified, u.locale
         from identity.emails e join identity.users u on u.id = e.user_id
         where e.user_id = $1
         for update of e",
        &[&user_id],
    )
    .await
}

/// The mailbox with an address, unless its person is deactivated.
pub async fn find(tx: &Tx, email: &Email) -> Result<Option<Mailbox>> {
    tx.find(
        "select e.user_id, e.email, e.verified_at is not null as is_verified, u.locale
         from identity.emails e join identity.users u on u.id = e.user_id
         where e.email = $1 and u.deactivated_at is null",
        &[email],
    )
    .await
}

/// Who registered the person's address.
pub async fn registrant(tx: &Tx, user_id: Uuid) -> Result<Registrant> {
    let sql = "select created_at as registered_at, registered_with as program from identity.emails where user_id = $1";
    tx.one(sql, &[&user_id]).await
}

/// Notes that the person reads the mail of their address, with an entry in the audit log if it is news.
pub async fn verify(tx: &Tx, user_id: Uuid) -> Result<()> {
    let sql = "update identity.emails set verified_at = now() where user_id = $1 and verified_at is null";
    if tx.execute(sql, &[&user_id]).await? == 1 {
        audit::record(tx, act(user_id, "email.verified")).await?;
    }
    Ok(())
}

/// Gives the person another address, which they have shown to be theirs, with an entry in the audit log. 409 if somebody
/// has it.
pub async fn change(tx: &Tx, user_id: Uuid, email: &str) -> Result<()> {
    tokio::try_join!(
        biased;
        upsert(tx, user_id, email),
        mirror(tx, user_id, email),
        audit::record(tx, act(user_id, "email.changed")),
    )?;
    Ok(())
}

fn act(user_id: Uuid, action: &str) -> Act<'_> {
    Act {
        actor: Some(user_id),
        action,
        entity_type: "user",
        entity_id: Some(user_id),
        payload: serde_json::json!({}),
    }
}

async fn upsert(tx: &Tx, user_id: Uuid, email: &str) -> Result<()> {
    tx.execute(
        "insert into identity.emails (email, user_id, verified_at) values ($1, $2, now())
         on conflict on constraint emails_user_id_key
             do update set email = excluded.email, verified_at = excluded.verified_at",
        &[&email, &user_id],
    )
    .await
    .on_constraint("emails_pkey", || conflict("User with this email already exists"))?;
    Ok(())
}

/// The profile shows the address too.
async fn mirror(tx: &Tx, user_id: Uuid, email: &str) -> Result<()> {
    let sql = "update identity.users set email = $2, updated_at = now() where id = $1";
    tx.execute(sql, &[&user_id, &email]).await?;
    Ok(())
}
