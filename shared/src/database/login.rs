//! As whom a program signs in to PostgreSQL, and what its transactions may be.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::transaction::Role;
use super::{Connection, Db, Tx, target};
use crate::describe::Operation;
use crate::error::Result;
use crate::log::Stats;
use crate::request::{FromRequest, Request};
use crate::settings::SettingError;

/// A login of PostgreSQL with a secret of its own. Each owns nothing but the last, and takes its roles and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Login {
    /// Routes that work as their caller: role `praxis_request`. `DATABASE_URL` or `DATABASE_SECRET_ARN`.
    Requests,
    /// Routes of sign-in and administration: also role `praxis_account`, which sees everybody's accounts and nothing of
    /// what people write. `DATABASE_ACCOUNTS_URL` or `DATABASE_ACCOUNTS_SECRET_ARN`.
    Accounts,
    /// Jobs: role `praxis_service`. `DATABASE_JOBS_URL` or `DATABASE_JOBS_SECRET_ARN`.
    Jobs,
    /// The job `migrate`: owns the tables. `DATABASE_OWNER_URL` or `DATABASE_OWNER_SECRET_ARN`.
    Owner,
}

/// Name and password of a login, as its setting has them.
pub struct LoginSecret {
    /// The role's name in the database. A pooler may want another to sign in by.
    pub role: String,
    /// The password.
    pub password: String,
}

impl Login {
    /// Reads the settings of a program that connects as this one.
    pub(crate) fn start(self) -> Result<(), SettingError> {
        target::start(self)
    }

    /// The secret of a login that has a setting of its own: the version that a rotation prepares, if there is one, because
    /// functions try that too. For `migrate`, which makes the logins.
    pub async fn secret(self) -> Result<Option<LoginSecret>> {
        target::login_secret(self).await
    }
}

/// The database for routes that sign people in or administer accounts; also all that [`Db`] is.
#[derive(Clone)]
pub struct AccountsDb(Db);

impl AccountsDb {
    /// Opens a transaction across people's accounts, as role `praxis_account`.
    pub async fn begin_service(&self) -> Result<Tx> {
        self.0.begin_as(Role::Account).await
    }
}

impl Deref for AccountsDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.0
    }
}

impl FromRequest for AccountsDb {
    fn start() -> Result<(), SettingError> {
        target::start(Login::Accounts)
    }

    async fn from_request(request: &mut Request) -> Result<AccountsDb> {
        Db::from_request(request).await.map(AccountsDb)
    }

    fn describe(operation: &mut Operation) {
        Db::describe(operation);
    }
}

/// The database for jobs.
#[derive(Clone)]
pub struct JobsDb(pub(crate) Db);

impl JobsDb {
    /// Opens a transaction across people, as role `praxis_service`.
    pub async fn begin_service(&self) -> Result<Tx> {
        self.0.begin_as(Role::Service).await
    }

    /// Closes the connection, as [`Db::release`].
    pub async fn release(&self) {
        self.0.release().await;
    }

    /// What the invocation has used so far.
    pub(crate) fn stats(&self) -> Arc<Stats> {
        self.0.stats.clone()
    }

    /// When the invocation must be over.
    pub(crate) fn deadline(&self) -> Instant {
        self.0.deadline
    }
}

/// The database for the job `migrate`.
#[derive(Clone)]
pub struct OwnerDb(pub(crate) Db);

impl OwnerDb {
    /// The connection itself, as the role that owns the tables, outside every policy. Whoever begins a transaction on it
    /// ends it.
    pub async fn connection(&self) -> Result<Arc<Connection>> {
        let connection = self.0.connection().await?;
        // What a failure leaves open is not known here, so it is rolled back in any case.
        connection.in_transaction.store(true, Ordering::Relaxed);
        Ok(connection)
    }
}
