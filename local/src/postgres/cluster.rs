//! A private cluster: created, started, found running, stopped.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use platform::{
    login,
    migration::{self, Done, MigrationError},
};
use shared::database::{Login, LoginSecret};
use tokio_postgres::Client;

use super::{
    account::{self, Account},
    addresses::Addresses,
    connect,
    files::{Secrets, private_folder, remove, sweep},
    plan::{Kind, Plan},
    programs,
    server::{Lock, Server},
};
use crate::{problem::problem, project};

/// The database of the development tool, and the role that owns it.
pub(super) const PRAXIS: &str = "praxis";

/// A private PostgreSQL.
pub struct Cluster {
    plan: Arc<Plan>,
    port: u16,
    server: Option<Server>,
}

impl Cluster {
    /// The cluster of the project: found running, or started, or created and started.
    ///
    /// # Errors
    /// See [`Postgres::open`](super::Postgres::open).
    pub async fn development(fresh: bool) -> Result<Self> {
        Self::kept_in(project::state(), fresh).await
    }

    /// Like [`Cluster::development`], in the folder `postgres` of `state`.
    ///
    /// # Errors
    /// As there.
    pub async fn kept_in(state: PathBuf, fresh: bool) -> Result<Self> {
        let (plan, lock) = tokio::task::spawn_blocking(move || -> Result<_> {
            let account = Account::needed()?;
            let state = account::reachable(&state, account)?;
            fs::create_dir_all(&state).with_context(|| format!("cannot create {}", state.display()))?;
            let home = state.join("postgres");
            private_folder(&home, account)?;
            // Two starts at once: the second waits until the first has its server, and then finds it.
            let lock = File::create(home.join("lock"))?;
            lock.lock().context("cannot lock the cluster")?;
            let secrets = Secrets::keep(&home.join("passwords"))?;
            let programs = programs::folder(account)?;
            Ok((Plan { programs, account, home, kind: Kind::Development, secrets, _lock: None }, lock))
        })
        .await??;
        let plan = Arc::new(plan);

        let cluster = match running(&plan).await? {
            Some(port) if !fresh => Self { plan, port, server: None },
            Some(_) => {
                return Err(problem(
                    "another `cargo local` is using the database that --fresh would empty",
                    "stop it first (Ctrl-C where it runs)",
                ));
            }
            None => {
                if fresh {
                    remove(&plan.data())?;
                }
                Self::boot(plan).await?
            }
        };
        cluster.set_up_role().await?;
        cluster.set_up(PRAXIS).await?;
        drop(lock);
        Ok(cluster)
    }

    /// An empty cluster that ends with this process and leaves nothing behind.
    ///
    /// # Errors
    /// When the programs cannot be fetched or the server does not start.
    pub async fn temporary() -> Result<Self> {
        Self::scratch(Kind::Temporary).await
    }

    /// Like [`Cluster::temporary`], but it can be stopped and started again with its data.
    ///
    /// # Errors
    /// As there.
    pub async fn restartable() -> Result<Self> {
        Self::scratch(Kind::Restartable).await
    }

    async fn scratch(kind: Kind) -> Result<Self> {
        let plan = tokio::task::spawn_blocking(move || -> Result<_> {
            let account = Account::needed()?;
            let programs = programs::folder(account)?;
            let clusters = account::reachable(&project::target(), account)?.join("postgres/clusters");
            private_folder(&clusters, account)?;
            sweep(&clusters);
            let home = clusters.join(uuid::Uuid::new_v4().simple().to_string());
            private_folder(&home, account)?;
            let lock = File::create(home.join("lock"))?;
            lock.lock()?;
            let secrets = Secrets::new();
            Ok(Plan { programs, account, home, kind, secrets, _lock: Some(lock) })
        })
        .await??;
        let cluster = Self::boot(Arc::new(plan)).await?;
        cluster.set_up_role().await?;
        Ok(cluster)
    }

    async fn boot(plan: Arc<Plan>) -> Result<Self> {
        let booted = Arc::clone(&plan);
        let (port, server) = tokio::task::spawn_blocking(move || booted.boot()).await??;
        Ok(Self { plan, port, server: Some(server) })
    }

    /// The address of the development database, as the role that owns it.
    pub fn url(&self) -> String {
        self.database_url(PRAXIS)
    }

    /// The address of `database` as the role that owns it.
    pub fn database_url(&self, database: &str) -> String {
        self.address(PRAXIS, &self.plan.secrets.praxis, database)
    }

    /// The addresses of `database` by login. The logins are there after the first [`Cluster::migrate`].
    pub fn addresses(&self, database: &str) -> Addresses {
        let [(_, requests), (_, accounts), (_, jobs)] = self.logins();
        let [requests, accounts, jobs] =
            [requests, accounts, jobs].map(|login| self.address(&login.role, &login.password, database));
        Addresses { requests, accounts, jobs, owner: self.database_url(database) }
    }

    fn logins(&self) -> [(Login, LoginSecret); 3] {
        let secrets = &self.plan.secrets;
        let secret =
            |role: &str, password: &String| LoginSecret { role: role.to_owned(), password: password.clone() };
        [
            (Login::Requests, secret("praxis_requests", &secrets.requests)),
            (Login::Accounts, secret("praxis_accounts", &secrets.accounts)),
            (Login::Jobs, secret("praxis_jobs", &secrets.jobs)),
        ]
    }

    fn address(&self, role: &str, password: &str, database: &str) -> String {
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Applies what is pending, and makes the logins that functions sign in as.
    ///
    /// # Errors
    /// When a migration or the server refuses.
    pub async fn migrate(&self, owner: &Client) -> Result<Vec<Done>, MigrationError> {
        let done = migration::up(owner).await?;
        login::keep(owner, &self.logins()).await?;
        Ok(done)
    }

    /// The address of `database` as the superuser, whom no policy holds.
    pub fn superuser_url(&self, database: &str) -> String {
        self.address("postgres", &self.plan.secrets.superuser, database)
    }

    /// The folder with the data and the server's log.
    pub fn home(&self) -> &Path {
        &self.plan.home
    }

    /// A program of the PostgreSQL distribution, such as `psql` or `pgbench`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.plan.programs.join(name)
    }

    /// Whether another process started the server; it then stops with that one.
    pub fn is_borrowed(&self) -> bool {
        self.server.is_none()
    }

    /// Creates the role that owns databases, and sets its password.
    async fn set_up_role(&self) -> Result<()> {
        let client = connect(&self.superuser_url("postgres")).await?;
        client
            .batch_execute(&format!(
                "do $$ begin
                     if not exists (select from pg_roles where rolname = '{PRAXIS}') then
                         create role {PRAXIS} login createrole createdb;
                     end if;
                 end $$;
                 alter role {PRAXIS} with nosuperuser nobypassrls password '{}';",
                self.plan.secrets.praxis
            ))
            .await?;
        Ok(())
    }

    /// Creates `database` for the role `praxis`, with the extensions that only a superuser can create.
    /// What exists already stays.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn set_up(&self, database: &str) -> Result<()> {
        let client = connect(&self.superuser_url("postgres")).await?;
        if client.query_opt("select from pg_database where datname = $1", &[&database]).await?.is_none() {
            create_database(&client, database, None).await?;
        }
        let inside = connect(&self.superuser_url(database)).await?;
        inside.batch_execute("create extension if not exists vector").await?;
        Ok(())
    }

    /// Creates `database` as a copy of `template`, which nobody may be connected to.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn copy(&self, template: &str, database: &str) -> Result<()> {
        let client = connect(&self.superuser_url("postgres")).await?;
        create_database(&client, database, Some(template)).await
    }

    /// Removes `database` and ends every connection to it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_database(&self, database: &str) -> Result<()> {
        let client = connect(&self.superuser_url("postgres")).await?;
        client.batch_execute(&format!("drop database if exists {database} with (force)")).await?;
        Ok(())
    }

    /// Starts the server again after [`Cluster::stop`], on the same port.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&mut self) -> Result<()> {
        if self.server.is_none() {
            let plan = Arc::clone(&self.plan);
            let (port, server) = tokio::task::spawn_blocking(move || plan.boot()).await??;
            self.server = Some(server);
            anyhow::ensure!(port == self.port, "port {} was taken while the server was stopped", self.port);
        }
        Ok(())
    }

    /// Stops the server if this process started it, and waits. A temporary cluster is gone then.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            // Waiting blocks; the answer that matters is that it is over.
            let _ = tokio::task::spawn_blocking(move || server.stop()).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.plan.kind == Kind::Restartable {
            if let Some(server) = self.server.take() {
                server.stop();
            }
            let _ = remove(&self.plan.home);
        }
    }
}

async fn create_database(client: &Client, database: &str, template: Option<&str>) -> Result<()> {
    // Names here are the tool's own; nothing from outside is pasted.
    let template = template.map(|name| format!("template {name}")).unwrap_or_default();
    let statement = format!("create database {database} owner {PRAXIS} {template}");
    client.batch_execute(&statement).await.with_context(|| format!("cannot create the database {database}"))
}

/// The port of a server that already runs on this cluster. Waits for one that is starting or stopping; clears
/// away the lock file of one that was killed.
async fn running(plan: &Plan) -> Result<Option<u16>> {
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Some(lock) = Lock::read(&plan.data()) {
        if !lock.is_alive(&plan.data()) {
            remove(&plan.data().join("postmaster.pid"))?;
            break;
        }
        let password = &plan.secrets.superuser;
        let url = format!("postgres://postgres:{password}@127.0.0.1:{}/postgres?sslmode=disable", lock.port);
        if connect(&url).await.is_ok() {
            return Ok(Some(lock.port));
        }
        if Instant::now() > deadline {
            bail!("PostgreSQL (process {}) on {} does not answer", lock.pid, plan.data().display());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(None)
}
