//! The person as an account: address, roles, state.

use shared::identity;
use shared::prelude::*;

/// A person, as the lessons' clients know them.
#[row]
pub struct UserRead {
    /// The person's id.
    pub id: Uuid,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Whether they have shown that it does.
    pub email_verified: bool,
    /// IANA time zone, as the person said it.
    pub timezone: String,
    /// False after an admin has deactivated the account.
    pub is_active: bool,
    /// The most powerful of the roles.
    #[read(|row| highest(row).map(RoleRead::from))]
    pub role: RoleRead,
    /// Everything that the person is.
    #[read(roles)]
    pub roles: Vec<Role>,
    /// Null before the person has written anything.
    pub created_at: Option<Time>,
    /// Null before the person has written anything.
    pub updated_at: Option<Time>,
}

/// A role with an id that is the same everywhere and always.
#[answer]
pub struct RoleRead {
    /// The role's id.
    pub id: Uuid,
    /// The role.
    pub name: Role,
}

/// The roles in the column `roles`, the least powerful one first. Fails on a text that is no role.
pub(crate) fn roles(row: &Row) -> Result<Vec<Role>> {
    roles_of(row, "roles")
}

/// The roles in a column.
pub(crate) fn roles_of(row: &Row, column: &str) -> Result<Vec<Role>> {
    let mut roles: Vec<Role> = row.get(column)?;
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

/// The most powerful of the roles in the column `roles`, in the order in which [`Role`] lists them.
pub(crate) fn highest(row: &Row) -> Result<Role> {
    // A constraint sees to it that everybody has one.
    roles(row)?.pop().ok_or_else(|| internal("a person without a role"))
}

impl From<Role> for RoleRead {
    fn from(name: Role) -> RoleRead {
        let number = match name {
            Role::Student => 1,
            Role::Teacher => 2,
            Role::Educator => 3,
            Role::Coach => 4,
            Role::Admin => 5,
        };
        RoleRead { id: Uuid::from_u128(0x5261_7869_0000_8000_8000_0000_0000_0000 + number), name }
    }
}

/// The caller. Somebody who has written nothing yet is what they would start as.
pub async fn get(tx: &Tx, user: &User) -> Result<UserRead> {
    let found = tx
        .find(
            "select u.id, coalesce(e.email, u.email) as email, e.verified_at is not null as email_verified, u.timezone,
                    u.deactivated_at is null as is_active, u.roles, u.created_at, u.updated_at
             from identity.users u left join identity.emails e on e.user_id = u.id
             where u.id = $1",
            &[&user.id],
        )
        .await?;
    Ok(found.unwrap_or_else(|| UserRead {
        id: user.id,
        email: Some(identity::introduction(user).0),
        email_verified: false,
        timezone: identity::Preferences::at_first(user).timezone,
        is_active: true,
        role: RoleRead::from(Role::Student),
        roles: vec![Role::Student],
        created_at: None,
        updated_at: None,
    }))
}

/// 403 for a caller who was deactivated; a route that goes on as the service must ask.
pub async fn must_be_active(db: &Db, user: &User) -> Result<()> {
    // Opening the caller's own transaction tells.
    let tx = db.begin(user).await?;
    tx.commit_with(async |tx| tx.execute("select", &[]).await).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_an_id_of_its_own() {
        let ids =
            [Role::Student, Role::Teacher, Role::Educator, Role::Coach, Role::Admin].map(RoleRead::from);
        assert_eq!(ids.iter().map(|role| role.id).collect::<std::collections::BTreeSet<_>>().len(), 5);
    }
}
