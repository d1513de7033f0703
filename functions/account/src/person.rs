//! The person as an account: address, roles, state.

use shared::identity;
use shared::prelude::*;

/// A person, as the lessons' clients know them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserRead {
    /// The person's id.
    pub id: Uuid,
    /// Where mail reaches them.
    pub email: Option<String>,
    /// Whether they have shown that it does.
    pub email_verified: bool,
    /// IANA time zone.
    pub timezone: String,
    /// False after an admin has deactivated the account.
    pub is_active: bool,
    /// The most powerful of the roles.
    pub role: RoleRead,
    /// Everything that the person is.
    pub roles: Vec<Role>,
    /// Null before the person has written anything.
    pub created_at: Option<Time>,
    /// Null before the person has written anything.
    pub updated_at: Option<Time>,
}

/// A role with an id that is the same everywhere and always.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoleRead {
    /// The role's id.
    pub id: Uuid,
    /// The role.
    pub name: Role,
}

impl FromRow for UserRead {
    fn from_row(row: &Row) -> Result<UserRead> {
        let roles = roles_of(row, "roles")?;
        Ok(UserRead {
            id: row.get("id")?,
            email: row.get("email")?,
            email_verified: row.get("email_verified")?,
            timezone: row.get("timezone")?,
            is_active: row.get("is_active")?,
            role: RoleRead::highest(&roles),
            roles,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }
}

/// The roles in a column, the least powerful one first. Fails on a text that is no role.
pub(crate) fn roles_of(row: &Row, column: &str) -> Result<Vec<Role>> {
    let mut roles: Vec<Role> = row.get(column)?;
    roles.sort_unstable();
    roles.dedup();
    Ok(roles)
}

impl RoleRead {
    /// The most powerful one, in the order in which [`Role`] lists them.
    pub fn highest(roles: &[Role]) -> RoleRead {
        RoleRead::from(roles.iter().copied().max().unwrap_or(Role::Student))
    }
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
        timezone: identity::Preferences::default().timezone,
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
    fn the_most_powerful_role_is_the_one_shown() {
        assert_eq!(RoleRead::highest(&[Role::Admin, Role::Student]).name, Role::Admin);
        assert_eq!(RoleRead::highest(&[Role::Teacher, Role::Coach]).name, Role::Coach);
        assert_eq!(RoleRead::highest(&[]).name, Role::Student);
        let ids =
            [Role::Student, Role::Teacher, Role::Educator, Role::Coach, Role::Admin].map(RoleRead::from);
        assert_eq!(ids.iter().map(|role| role.id).collect::<std::collections::BTreeSet<_>>().len(), 5);
    }
}
