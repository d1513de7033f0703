//! Making somebody an admin from outside: the first one, whom no admin could make one.

use serde_json::json;
use shared::audit::{self, Act};
use shared::language;
use shared::prelude::*;

use crate::email::Email;
use crate::mail_link;

/// Who becomes an admin: by address, or by id where another provider knows the address.
#[input]
pub struct NewAdmin {
    /// An address that was proven here, or that nobody has here yet.
    pub email: Option<Email>,
    /// The id of an account.
    pub user_id: Option<Uuid>,
}

/// Who is an admin now.
#[answer]
pub struct Appointed {
    /// The person's id.
    pub user_id: Uuid,
    /// Whether the account was made; then a link to choose a password is on its way to the address.
    pub is_new: bool,
    /// Whether the person had the role already.
    pub was_admin: bool,
}

/// Gives the role `admin` to an account that exists, else makes one with a proven address. Repeating it changes nothing.
/// Must be a transaction of the service. 404 for an unknown id; 409 for an account whose address was not proven, because anybody
/// may have registered with it.
pub async fn appoint(tx: &Tx, new: &NewAdmin) -> Result<Appointed> {
    let (user_id, email) = match (new.user_id, &new.email) {
        (Some(user_id), None) => (Some(user_id), None),
        (None, Some(email)) => (find(tx, email).await?, Some(email)),
        _ => return Err(invalid_field("", "one_of", "Input should have either email or user_id")),
    };
    match (user_id, email) {
        (Some(user_id), _) => promote(tx, user_id).await,
        (None, Some(email)) => Box::pin(create(tx, email)).await,
        (None, None) => Err(not_found("user not found")),
    }
}

#[derive(FromRow)]
struct Owner {
    user_id: Uuid,
    is_verified: bool,
}

/// Whose address it is.
async fn find(tx: &Tx, email: &Email) -> Result<Option<Uuid>> {
    let sql = "select user_id, verified_at is not null as is_verified from identity.emails where email = $1 for share";
    match tx.find::<Owner>(sql, &[email]).await? {
        Some(Owner { is_verified: false, .. }) => Err(unproven()),
        owner => Ok(owner.map(|owner| owner.user_id)),
    }
}

#[track_caller]
fn unproven() -> shared::error::Error {
    conflict("an account has this address and has not proven it: its person opens the mailed link first")
}

#[derive(FromRow)]
struct Promoted {
    old_roles: Vec<Role>,
    new_roles: Option<Vec<Role>>,
}

async fn promote(tx: &Tx, user_id: Uuid) -> Result<Appointed> {
    let found = tx
        .find(
            "with old as (
                 select id, roles from identity.users where id = $1 for update
             ), changed as (
                 update identity.users u set roles = old.roles || '{admin}', updated_at = now()
                 from old
                 where u.id = old.id and 'admin' <> all (old.roles)
                 returning u.roles
             )
             select old.roles as old_roles, changed.roles as new_roles from old left join changed on true",
            &[&user_id],
        )
        .await
        .on_constraint("users_admin_is_proven", unproven)?;
    let Promoted { old_roles, new_roles } = found.ok_or_else(|| not_found("user not found"))?;
    if let Some(new_roles) = &new_roles {
        record(tx, "user.roles_changed", user_id, json!({ "from": old_roles, "to": new_roles })).await?;
    }
    Ok(Appointed { user_id, is_new: false, was_admin: new_roles.is_none() })
}

/// Whoever runs this vouches for the address.
async fn create(tx: &Tx, email: &Email) -> Result<Appointed> {
    let user_id = Uuid::now_v7();
    let roles = [Role::Student, Role::Admin].map(Role::as_str);
    let locale = language::default_locale(); // no request says more
    tokio::try_join!(
        biased;
        insert(tx, user_id, email, &roles, &locale),
        insert_email(tx, user_id, email),
        mail_link::send_reset(tx, user_id, email, &locale, false),
        record(tx, "user.registered", user_id, json!({ "roles": roles })),
    )?;
    Ok(Appointed { user_id, is_new: true, was_admin: false })
}

async fn insert(tx: &Tx, user_id: Uuid, email: &Email, roles: &[&str], locale: &str) -> Result<()> {
    tx.execute(
        "insert into identity.users (id, email, roles, locale) values ($1, $2, $3, $4)",
        &[&user_id, email, &roles, &locale],
    )
    .await?;
    Ok(())
}

async fn insert_email(tx: &Tx, user_id: Uuid, email: &Email) -> Result<()> {
    tx.execute(
        "insert into identity.emails (email, user_id, verified_at) values ($1, $2, now())",
        &[email, &user_id],
    )
    .await
    .on_constraint("emails_pkey", || conflict("somebody took this address at this moment: run it again"))?;
    Ok(())
}

async fn record(tx: &Tx, action: &str, user_id: Uuid, payload: serde_json::Value) -> Result<()> {
    audit::record(tx, Act { actor: None, action, entity_type: "user", entity_id: Some(user_id), payload })
        .await
}
