//! Registration: a new person with an address and a password.

use std::time::Duration;

use shared::audit::{self, Act};
use shared::limit::{Limits, Rule};
use shared::prelude::*;

use crate::email::Email;
use crate::mail_link;
use crate::password::{self, NewPassword};
use crate::person::UserRead;
use crate::profile::Locale;
use crate::{program, recent_proof};

/// Somebody new.
#[input]
pub struct Registration {
    /// The address to sign in with.
    pub email: Email,
    /// 8 to 128 characters, not one that is tried first.
    pub password: NewPassword,
    /// IANA time zone, for example `Europe/Riga`, old names too; UTC if it is left out.
    pub timezone: Option<ZoneName>,
    /// Language tag (BCP 47) of the person's mails; if it is left out, what `Accept-Language` prefers.
    pub locale: Option<Locale>,
    /// What to call the person.
    pub display_name: Option<Name<1, 120>>,
    /// As `display_name`, which counts if both are given.
    pub username: Option<Name<1, 120>>,
    /// What the person is; another one than `student` is an admin's to give.
    pub role: Option<Role>,
    /// Everything that the person is, likewise.
    pub roles: Option<List<Role, 5>>,
}

impl Registration {
    /// What the person becomes. 403 if somebody who is not an admin asks for another role than everybody's: clients of
    /// earlier backends say `student`. An admin who gives one must have signed in just now (403 `PROOF_REQUIRED`), and makes
    /// no admin of an address that nobody has proven (409).
    pub fn roles_by(&self, admin: Option<&User>) -> Result<Vec<Role>> {
        let asked: Vec<Role> = self
            .role
            .into_iter()
            .chain(self.roles.iter().flat_map(|roles| roles.0.iter().copied()))
            .collect();
        if asked.iter().any(|role| *role != Role::Student) {
            recent_proof::must_be_recent(admin.ok_or_else(|| forbidden("only an admin may give roles"))?)?;
        }
        if asked.contains(&Role::Admin) {
            return Err(conflict("whoever becomes an admin proves the address first"));
        }
        if asked.is_empty() { Ok(vec![Role::Student]) } else { Ok(asked) }
    }
}

/// 429 after 5 registrations a minute from one network.
pub async fn limit(db: &Db, limits: &Limits, client: &Client) -> Result<()> {
    let minute = Duration::from_secs(60);
    limits.take(db, &Rule::of_network("register:network", client, 5, minute)).await
}

/// Makes the person with their password's hash, and mails them a link that verifies the address. Must be a transaction of
/// the service. 409 if somebody has the address. A person who says no language has the request's.
pub async fn register(
    tx: &Tx,
    new: &Registration,
    roles: &[Role],
    hash: &str,
    admin: Option<&User>,
    client: &Client,
) -> Result<UserRead> {
    let id = Uuid::now_v7();
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let act = Act {
        actor: Some(admin.map_or(id, |admin| admin.id)),
        action: "user.registered",
        entity_type: "user",
        entity_id: Some(id),
        payload: serde_json::json!({ "roles": names }),
    };
    // An admin's program says nothing of the person.
    let program = client.user_agent.as_deref().filter(|_| admin.is_none()).and_then(program::name);
    let (user, (), (), ()) = tokio::try_join!(
        biased;
        insert_user(tx, id, new, &names, &client.locale),
        insert_email(tx, id, &new.email, program.as_deref()),
        password::set(tx, id, hash),
        audit::record(tx, act),
    )?;
    mail_link::send_verification(tx, id, &new.email, &user.locale).await?;
    Ok(user.read)
}

#[derive(FromRow)]
struct NewUser {
    #[flatten]
    read: UserRead,
    locale: String,
}

async fn insert_user(tx: &Tx, id: Uuid, new: &Registration, roles: &[&str], locale: &str) -> Result<NewUser> {
    let name = new.display_name.as_ref().or(new.username.as_ref()).map(|name| name.as_str().trim());
    let zone = new.timezone.as_ref().map(ZoneName::as_str);
    let locale = new.locale.as_ref().map_or(locale, Locale::as_str);
    tx.one(
        "insert into identity.users (id, email, display_name, timezone, roles, locale)
         values ($1, $2, $3, coalesce($4, 'UTC'), (select array_agg(distinct role) from unnest($5) as role),
                 $6)
         returning id, email, false as email_verified, timezone, true as is_active, roles, created_at, updated_at, locale",
        &[&id, &new.email, &name, &zone, &roles, &locale],
    )
    .await
}

async fn insert_email(tx: &Tx, id: Uuid, email: &Email, program: Option<&str>) -> Result<()> {
    let sql = "insert into identity.emails (email, user_id, registered_with) values ($1, $2, $3)";
    tx.execute(sql, &[email, &id, &program])
        .await
        .on_constraint("emails_pkey", || conflict("User with this email already exists"))?;
    Ok(())
}
