//! The person behind every domain: the row in `identity.users`.

use uuid::Uuid;

use crate::auth::User;
use crate::caller::Role;
use crate::database::{FromRow, Tx};
use crate::error::{Result, unauthorized};
use crate::language;

/// What the person has set, or what someone without a row would start with.
#[derive(Debug, Clone, FromRow)]
pub struct Preferences {
    /// BCP 47, for example `zh-CN`.
    pub locale: String,
    /// IANA time zone name, as the person said it.
    pub timezone: String,
}

/// What a person's row starts with: the token's e-mail address and name, or stand-ins where it has none.
pub fn introduction(user: &User) -> (String, String) {
    let email = user.email.clone().unwrap_or_else(|| format!("{}@local.user", user.id));
    let display_name = user.display_name.clone().unwrap_or_else(|| "User".to_owned());
    (email, display_name)
}

/// Makes the person's row if it is missing, with an entry in the audit log; never rewrites one. Pipeline it with the first
/// write of a route, which may refer to the row. Praxis's own sign-in begins with the row: who comes by it and has none was
/// erased while their access token was still good, and does not come back by it. 401. In a transaction of a request.
pub async fn ensure(tx: &Tx, user: &User) -> Result<()> {
    if user.sign_in.is_some() {
        return must_exist(tx, user).await;
    }
    let (email, display_name) = introduction(user);
    tx.execute(
        "with person as (
             insert into identity.users (id, email, display_name, locale) values ($1, $2, $3, $5)
             on conflict (id) do nothing
             returning id, roles
         )
         select identity.record_own_act($4, 'user.registered', 'user', id, jsonb_build_object('roles', roles)) from person",
        &[&user.id, &email, &display_name, &Uuid::now_v7(), &user.locale],
    )
    .await?;
    Ok(())
}

async fn must_exist(tx: &Tx, user: &User) -> Result<()> {
    match tx.execute("select from identity.users where id = $1", &[&user.id]).await? {
        0 => Err(unauthorized("invalid or expired access token")),
        _ => Ok(()),
    }
}

/// The caller's preferences. Reads only.
pub async fn preferences(tx: &Tx, user: &User) -> Result<Preferences> {
    let found = tx.find("select locale, timezone from identity.users where id = $1", &[&user.id]).await?;
    Ok(found.map_or_else(|| Preferences::at_first(user), |stored: Preferences| stored.of(user)))
}

impl Preferences {
    /// What the person would start with: the language of their request, and UTC.
    pub fn at_first(user: &User) -> Preferences {
        Preferences { locale: user.locale.clone(), timezone: "UTC".to_owned() }
    }

    /// With the language of the person's request where their row says none.
    pub fn of(self, user: &User) -> Preferences {
        Preferences { locale: language::or_instead(self.locale, || user.locale.clone()), ..self }
    }
}

/// Whether the caller has a role now; in a transaction of a request.
pub async fn has_role(tx: &Tx, role: Role) -> Result<bool> {
    #[derive(FromRow)]
    struct Has {
        has: bool,
    }
    let found: Has = tx.one("select identity.request_has_role($1) as has", &[&role.as_str()]).await?;
    Ok(found.has)
}
