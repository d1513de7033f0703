//! Administration: everybody's accounts, what each may do, and who is locked out.

mod appointment;
mod words;

use deserr::{IntoValue, Value, ValuePointerRef};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;
use shared::audit::{self, Act};
use shared::input::problem;
use shared::keyset::{Cursor, Keyset, KeysetPaging, Place};
use shared::prelude::*;

use crate::password::Password;
use crate::sign_in::{self, Because};
use crate::{export, person};

pub use appointment::{Appointed, NewAdmin, appoint};

/// An account as an admin sees it.
#[row]
pub struct UserAccount {
    /// The person's id.
    pub id: Uuid,
    /// The address that they sign in with, else the one that their identity provider gave.
    pub email: Option<String>,
    /// What to call the person; null after they removed it.
    pub name: Option<String>,
    /// The highest of the roles: admin, coach, educator, teacher, student.
    #[read(person::highest)]
    pub role: Role,
    /// Everything that they may do, the lowest first.
    #[read(person::roles)]
    pub roles: Vec<Role>,
    /// False for somebody who was deactivated.
    pub is_active: bool,
    /// Whether the address was proven here.
    pub email_verified: bool,
    /// The school or district as its provider names it.
    pub organization_id: Option<String>,
    /// The outside account that the person last signed in with: `google`, `clever` or null.
    pub sso_provider: Option<String>,
    /// When the account was made.
    pub created_at: Time,
    /// The last sign-in here; null for somebody who only came with another provider's token.
    pub last_login: Option<Time>,
}

impl Keyset for UserAccount {
    const LIST: &'static str = "UserPage";

    fn place(&self) -> Place {
        Place { at: self.created_at, id: self.id }
    }
}

/// Which accounts a list shows; all filters must hold.
#[input]
pub struct UserFilter {
    /// Only those with this text, in any case, in the e-mail address or the name.
    pub q: Option<Text<1, 200>>,
    /// Only those who have this role.
    pub role: Option<Role>,
    /// Only active ones, or only deactivated ones.
    pub is_active: Option<Flag>,
}

/// A page of accounts, the newest first.
#[answer]
pub struct UserPage {
    /// The page.
    pub users: Vec<UserAccount>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<Cursor<UserAccount>>,
}

/// How many of the newest accounts are looked through for words before the index of words is asked. Words that many
/// accounts have are found on the way, where an index would first collect all who have them; words that few have cost this
/// look in vain.
const LOOK: i64 = 5000;

/// A page of everybody's accounts. Must be a transaction of the service.
pub async fn list(tx: &Tx, filter: &UserFilter, paging: KeysetPaging<UserAccount>) -> Result<UserPage> {
    let words = filter.q.as_ref().map(|text| text.as_str().trim());
    // Few have a role that is not everybody's or are deactivated, and these have indexes of their own.
    let are_few = filter.role.is_some_and(|role| role != Role::Student)
        || filter.is_active.as_ref().is_some_and(|flag| !flag.get());
    let look = match words {
        None => Some(paging.rows()),
        Some(_) if are_few => None,
        Some(_) => Some(LOOK),
    };
    let mut users: Vec<UserAccount> = tx
        .list(
            "select u.id, coalesce(e.email, u.email) as email, u.display_name as name, u.roles,
                    u.deactivated_at is null as is_active, e.verified_at is not null as email_verified,
                    u.organization_id, u.created_at, u.last_login_at as last_login,
                    (select x.provider from identity.external_accounts x where x.user_id = u.id
                     order by x.last_login_at desc limit 1) as sso_provider
             from (select * from identity.users
                   where ($2::text is null or $2 = any (roles))
                     and ($3::boolean is null or (deactivated_at is null) = $3)
                     and ($4::timestamptz is null or (created_at, id) < ($4, $5))
                   order by created_at desc, id desc
                   limit $7) u
             left join identity.emails e on e.user_id = u.id
             where $1::text is null
                or strpos(lower(coalesce(e.email, u.email)), lower($1)) > 0
                or strpos(lower(u.display_name), lower($1)) > 0
             order by u.created_at desc, u.id desc
             limit $6",
            &[
                &words,
                &filter.role,
                &filter.is_active,
                &paging.after_time(),
                &paging.after_id(),
                &paging.rows(),
                &look,
            ],
        )
        .await?;
    if let Some(words) = words
        && !are_few
        && i64::try_from(users.len()).is_ok_and(|found| found < paging.rows())
    {
        users = words::list(tx, filter, &paging, words).await?;
    }
    let page = paging.page(users);
    Ok(UserPage { users: page.items, next_cursor: page.next_cursor })
}

/// The person of a path.
#[input]
pub struct UserPath {
    /// The person's id.
    pub user_id: Uuid,
}

/// Changes of an account; absent fields stay as they are.
#[input]
pub struct UserPatch {
    /// The one role that takes the place of all; not together with `roles`.
    pub role: Change<Role>,
    /// The set of roles.
    pub roles: Change<Roles>,
    /// False locks the person out and ends every sign-in; true lets them back in.
    pub is_active: Change<Flag>,
    /// The admin's own password, where they signed in more than 15 minutes ago.
    pub password: Option<Password>,
}

impl UserPatch {
    /// Whether it asks for anything that a stolen session must not do.
    pub fn needs_proof(&self) -> bool {
        !(self.role.is_absent() && self.roles.is_absent() && self.is_active.is_absent())
    }

    /// The roles that the person gets, if they change; 400 for two answers to that.
    fn roles(&self) -> Result<Option<Roles>> {
        match (self.role.as_set(), self.roles.as_set()) {
            (Some(_), Some(_)) => {
                let sentence = "Input should have role or roles, not both";
                Err(invalid_field("/roles", "conflict", sentence))
            }
            (Some(role), None) => Ok(Some(Roles(vec![*role]))),
            (None, roles) => Ok(roles.cloned()),
        }
    }
}

/// What a change met, and what it left.
#[derive(FromRow)]
struct Changed {
    #[read(|row| person::roles_of(row, "old_roles"))]
    old_roles: Vec<Role>,
    was_active: bool,
    #[flatten]
    account: UserAccount,
}

/// Changes a person's account on behalf of `admin`, and writes down what really changed. Must be a transaction of the
/// service. 404 for an unknown person, 409 where nobody would be left who can let people in, and for an admin whose address
/// is not proven.
pub async fn update(tx: &Tx, admin: &User, user_id: Uuid, patch: &UserPatch) -> Result<UserAccount> {
    let is_active = patch.is_active.as_set().map(|flag| flag.get());
    let Changed { old_roles, was_active, account } = write(tx, user_id, patch.roles()?, is_active).await?;
    let act = |action, payload| {
        let entity_id = Some(user_id);
        audit::record(tx, Act { actor: Some(admin.id), action, entity_type: "user", entity_id, payload })
    };
    if old_roles != account.roles {
        act("user.roles_changed", json!({ "from": old_roles, "to": account.roles })).await?;
    }
    match (was_active, account.is_active) {
        (true, false) => {
            tokio::try_join!(
                biased;
                act("user.deactivated", json!({})),
                sign_in::revoke_all_but(tx, user_id, None, Because::Deactivated),
                export::end_all(tx, user_id),
            )?;
        }
        (false, true) => act("user.reactivated", json!({})).await?,
        _ => {}
    }
    Ok(account)
}

/// One statement, so that two admins who change one person at once each see what the other left. It writes nothing where
/// nothing differs.
async fn write(tx: &Tx, user_id: Uuid, roles: Option<Roles>, is_active: Option<bool>) -> Result<Changed> {
    let roles: Option<Vec<&str>> = roles.map(|Roles(roles)| roles.into_iter().map(Role::as_str).collect());
    let found = tx
        .find(
            "with old as (
                 select * from identity.users where id = $1 for update
             ), changed as (
                 update identity.users u
                 set roles = coalesce($2, u.roles),
                     deactivated_at = case $3 when true then null
                                               when false then coalesce(u.deactivated_at, now())
                                               else u.deactivated_at end,
                     updated_at = now()
                 from old
                 where u.id = old.id
                   and (not ($2 <@ old.roles and $2 @> old.roles) or (old.deactivated_at is null) <> $3)
                 returning u.id, u.roles, u.deactivated_at
             )
             select old.id, coalesce(e.email, old.email) as email, old.display_name as name,
                    old.roles as old_roles, old.deactivated_at is null as was_active,
                    coalesce(changed.roles, old.roles) as roles,
                    case when changed.id is null then old.deactivated_at else changed.deactivated_at end is null
                        as is_active,
                    e.verified_at is not null as email_verified, old.organization_id, old.created_at,
                    old.last_login_at as last_login,
                    (select x.provider from identity.external_accounts x where x.user_id = old.id
                     order by x.last_login_at desc limit 1) as sso_provider
             from old left join changed on true left join identity.emails e on e.user_id = old.id",
            &[&user_id, &roles.as_deref(), &is_active],
        )
        .await
        .on_constraint("users_last_admin", || conflict("the last admin stays"))
        .on_constraint("users_admin_is_proven", || conflict("the person has not proven their e-mail address"))?;
    found.ok_or_else(|| not_found("user not found"))
}

/// One to five different roles.
#[derive(Debug, Clone)]
pub struct Roles(Vec<Role>);

impl Deserr<Problems> for Roles {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Roles, Problems> {
        let List(mut roles) = List::<Role, 5>::deserialize_from_value(value, location)?;
        if roles.is_empty() {
            return Err(problem(
                location,
                "too_short",
                "List should have at least 1 item after validation, not 0",
            ));
        }
        if (1..roles.len()).any(|index| roles[..index].contains(&roles[index])) {
            return Err(problem(location, "duplicate", "List should have each role once"));
        }
        roles.sort_unstable();
        Ok(Roles(roles))
    }
}

impl JsonSchema for Roles {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Roles".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let role = generator.subschema_for::<Role>();
        json_schema!({ "type": "array", "items": role, "minItems": 1, "maxItems": 5, "uniqueItems": true })
    }
}
