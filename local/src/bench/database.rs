//! The databases of a run: a private server that leaves nothing behind, a migrated database, copies of it.

use anyhow::{Context, Result};
use tokio_postgres::Client;

use crate::{
    postgres::{Cluster, connect},
    project,
};

/// The migrated database that others are copies of. Nobody stays connected to it.
const MIGRATED: &str = "bench_migrated";

/// The person of the sample events.
pub(super) const SAMPLE_PERSON: &str = "00000000-0000-7000-8000-000000000001";

/// A private server with a migrated database to copy.
pub(super) struct Server {
    /// The server.
    pub(super) cluster: Cluster,
}

/// One database.
pub(super) struct Database {
    /// As functions sign in.
    pub(super) url: String,
    superuser_url: String,
}

impl Server {
    /// Starts it and applies the migrations.
    ///
    /// # Errors
    /// When it does not start or a migration fails.
    pub(super) async fn start() -> Result<Self> {
        let cluster = Cluster::temporary().await?;
        cluster.set_up(MIGRATED).await?;
        platform::migration::up(&connect(&cluster.database_url(MIGRATED)).await?)
            .await
            .map_err(|error| anyhow::anyhow!("the migrations fail: {error}"))?;
        Ok(Self { cluster })
    }

    /// A new migrated database.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn database(&self, name: &str) -> Result<Database> {
        self.cluster.copy(MIGRATED, name).await?;
        Ok(Database { url: self.cluster.database_url(name), superuser_url: self.cluster.superuser_url(name) })
    }

    /// Name and version, `PostgreSQL 18.0`.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) async fn version(&self) -> Result<String> {
        let client = connect(&self.cluster.superuser_url(MIGRATED)).await?;
        let version: String = client.query_one("show server_version", &[]).await?.try_get(0)?;
        Ok(format!("PostgreSQL {version}"))
    }

    /// The process that forks one for each connection.
    pub(super) fn pid(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.cluster.home().join("data/postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }
}

impl Database {
    /// A connection that no policy holds.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(super) async fn superuser(&self) -> Result<Client> {
        connect(&self.superuser_url).await
    }

    /// What puts the rows of the sample events into the state in which they were never called.
    ///
    /// # Errors
    /// When the seed cannot be read or the server does not answer.
    pub(super) async fn seed(&self) -> Result<Seed> {
        let path = project::root().join("local/seed.sql");
        let rows =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Seed { superuser: self.superuser().await?, owner: connect(&self.url).await?, rows })
    }
}

/// The rows of the sample events.
pub(super) struct Seed {
    superuser: Client,
    owner: Client,
    rows: String,
}

impl Seed {
    /// Deletes everything of the sample person and puts the sample rows in.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn reset(&self) -> Result<()> {
        // Who is the only admin here may not be deleted, for good reasons, which hold elsewhere.
        let forget = format!(
            "begin;
             alter table identity.users disable trigger user;
             delete from identity.users where id = '{SAMPLE_PERSON}';
             alter table identity.users enable trigger user;
             commit"
        );
        self.superuser.batch_execute(&forget).await.context("cannot delete the sample person")?;
        self.owner.batch_execute(&self.rows).await.context("local/seed.sql fails")?;
        Ok(())
    }
}
