//! The logins that functions sign in as, made and kept by whoever migrates.
//!
//! A login owns nothing and takes the roles of its [`Login`] and no other, without inheriting what they may: a policy for a
//! role opens no row to a connection that has not taken it. The server gets what it keeps of a password (RFC 5802), never
//! the password, so that none stands in its log.

use postgres_protocol::password::scram_sha_256;
use shared::database::{Login, LoginSecret};
use tokio_postgres::{Client, error::SqlState, types::Type};

use crate::migration::{MigrationError, begin, end};

/// Roles belong to the whole server: somebody who changes the same ones in another database makes a change fail.
const ATTEMPTS: usize = 10;

/// The roles that a login may take. None for the owner's, which is not ours to make.
pub fn roles(login: Login) -> &'static [&'static str] {
    match login {
        Login::Requests => &["praxis_request"],
        Login::Accounts => &["praxis_request", "praxis_account"],
        Login::Jobs => &["praxis_service"],
        Login::Owner => &[],
    }
}

/// Makes each login if it is missing, and sets its password and its roles: also after its secret was rotated.
///
/// # Errors
/// When a login is the owner itself, may more than functions need, or the server refuses.
pub async fn keep(client: &Client, logins: &[(Login, LoginSecret)]) -> Result<(), MigrationError> {
    for (login, secret) in logins {
        let mut attempt = 1;
        while let Err(error) = keep_one(client, secret, roles(*login)).await {
            // "tuple concurrently updated"
            if attempt == ATTEMPTS || error.code() != Some(&SqlState::INTERNAL_ERROR) {
                return Err(error);
            }
            attempt += 1;
        }
    }
    Ok(())
}

async fn keep_one(client: &Client, secret: &LoginSecret, roles: &[&str]) -> Result<(), MigrationError> {
    let kept = async {
        begin(client).await?;
        let exists = may_be_ours(client, &secret.role, roles).await?;
        let change = if exists { "alter" } else { "create" };
        let verifier = scram_sha_256(secret.password.as_bytes());
        let sql = "select format($1 || ' role %I with login noinherit password %L', $2, $3)";
        run(client, sql, &[change, &secret.role, &verifier]).await?;
        for role in roles {
            if !is_member(client, &secret.role, role).await? {
                // Before PostgreSQL 16 the login's own `noinherit` says the same.
                let sql = "select format('grant %I to %I', $1, $2)
                               || case when current_setting('server_version_num')::int >= 160000
                                       then ' with inherit false, set true, admin false' else '' end";
                run(client, sql, &[role, &secret.role]).await?;
            }
        }
        Ok(())
    };
    end(client, kept.await).await
}

/// Whether the role is there already; an error if it is one that functions must not sign in as.
async fn may_be_ours(client: &Client, login: &str, roles: &[&str]) -> Result<bool, MigrationError> {
    let sql = "select rolname = current_user,
                      rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls,
                      (select string_agg(other.rolname, ', ') from pg_auth_members
                       join pg_roles as other on other.oid = roleid
                       where member = login.oid and other.rolname <> all ($2))
               from pg_roles as login where rolname = $1";
    let rows = client.query_typed(sql, &[(&login, Type::TEXT), (&roles, Type::TEXT_ARRAY)]).await?;
    let Some(row) = rows.first() else { return Ok(false) };
    let refused = |why: &str| Err(MigrationError::new(format!("the login {login} {why}")));
    match (row.get(0), row.get(1), row.get::<_, Option<String>>(2)) {
        (true, ..) => refused("is the role that migrates: give functions one of their own"),
        (_, true, _) => {
            refused("may make roles or databases or pass row-level security by: take another name")
        }
        (.., Some(others)) => {
            refused(&format!("is also a member of {others}: revoke that, or take another name"))
        }
        _ => Ok(true),
    }
}

async fn is_member(client: &Client, login: &str, role: &str) -> Result<bool, MigrationError> {
    let sql = "select from pg_auth_members
               join pg_roles as login on login.oid = member join pg_roles as role on role.oid = roleid
               where login.rolname = $1 and role.rolname = $2";
    Ok(!client.query_typed(sql, &[(&login, Type::TEXT), (&role, Type::TEXT)]).await?.is_empty())
}

/// Runs the statement that `sql` makes of texts: the server quotes them, because such statements take no parameters.
async fn run(client: &Client, sql: &str, texts: &[&str]) -> Result<(), MigrationError> {
    let texts: Vec<_> =
        texts.iter().map(|text| (text as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT)).collect();
    let rows = client.query_typed(sql, &texts).await?;
    let statement: &str = rows.first().map_or("", |row| row.get(0));
    client.batch_execute(statement).await?;
    Ok(())
}
