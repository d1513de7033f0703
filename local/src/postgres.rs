//! The database of a run: the one that `DATABASE_URL` names, or a private PostgreSQL that needs no set-up.
//!
//! The private one has the superuser `postgres`, for set-up and for assertions in tests, `praxis`, which owns the database
//! and migrates it, and the three logins that functions sign in as (`praxis_requests`, `praxis_accounts`, `praxis_jobs`).
//! `praxis` is no superuser and does not bypass row-level security, so that what passes here passes in production.

mod account;
mod addresses;
mod cluster;
mod files;
mod plan;
mod programs;
mod server;
mod tls;

pub use addresses::Addresses;
use anyhow::Result;
pub use cluster::Cluster;
use platform::migration::{self, Done, MigrationError};
use tokio_postgres::{Client, Config, NoTls, config::SslMode};

use crate::problem::problem;

/// The database that `cargo local` works on.
pub struct Postgres {
    addresses: Addresses,
    cluster: Option<Cluster>,
}

impl Postgres {
    /// The database of `DATABASE_URL`, else the project's own cluster in `.local/postgres`, started if need be.
    /// With `fresh` that cluster starts empty.
    ///
    /// # Errors
    /// A [`Problem`](crate::problem::Problem) when the named database does not answer, when the programs cannot
    /// be fetched, or when another run holds the cluster that `fresh` would empty.
    pub async fn open(fresh: bool) -> Result<Self> {
        match std::env::var("DATABASE_URL").ok().filter(|url| !url.trim().is_empty()) {
            Some(_) if fresh => Err(problem(
                "--fresh does not empty the database that DATABASE_URL names",
                "empty it yourself, or unset DATABASE_URL to use the private PostgreSQL",
            )),
            Some(url) => {
                connect(&url).await?;
                Ok(Self { addresses: Addresses::one(&url), cluster: None })
            }
            None => {
                let cluster = Cluster::development(fresh).await?;
                Ok(Self { addresses: cluster.addresses(cluster::PRAXIS), cluster: Some(cluster) })
            }
        }
    }

    /// The address as the owner, with the password.
    pub fn url(&self) -> &str {
        &self.addresses.owner
    }

    /// The addresses that functions connect to.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Applies what is pending, and makes the logins of the private PostgreSQL. One that `DATABASE_URL` names has its own.
    ///
    /// # Errors
    /// When a migration or the server refuses.
    pub async fn migrate(&self) -> Result<Result<Vec<Done>, MigrationError>> {
        let client = connect(self.url()).await?;
        Ok(match &self.cluster {
            Some(cluster) => cluster.migrate(&client).await,
            None => migration::up(&client).await,
        })
    }

    /// The private cluster, unless `DATABASE_URL` is in use.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// Stops the server if this process started it, and waits until it has written everything down.
    pub async fn stop(mut self) {
        if let Some(cluster) = &mut self.cluster {
            cluster.stop().await;
        }
    }
}

/// Opens a connection, encrypted as the address says, and drives it on the current runtime until the client is dropped.
///
/// # Errors
/// A [`Problem`](crate::problem::Problem) that names the server, never the password.
pub async fn connect(url: &str) -> Result<Client> {
    let help = "check DATABASE_URL (postgres://user:password@host:port/database) and that the server runs, \
                or unset it to use the private PostgreSQL";
    // The parser's own words could repeat the password.
    let mut config: Config =
        url.parse().map_err(|_| problem("DATABASE_URL is not a PostgreSQL address", help))?;
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(std::time::Duration::from_secs(5));
    }
    let unreachable = |error: tokio_postgres::Error| {
        problem(format!("cannot reach {}: {}", place(&config), cause(&error)), help)
    };
    let client = if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(unreachable)?;
        tokio::spawn(connection);
        client
    } else {
        let (client, connection) = config.connect(tls::connector()?).await.map_err(unreachable)?;
        tokio::spawn(connection);
        client
    };
    Ok(client)
}

/// Host, port and database for a message.
fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(tokio_postgres::config::Host::Tcp(host)) => host.as_str(),
        _ => "localhost",
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("PostgreSQL at {host}:{port}/{}", config.get_dbname().unwrap_or_default())
}

/// The server's own words, or the innermost cause: the driver's own text stops at "error connecting to server".
pub(crate) fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        return database.message().to_owned();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_unreachable_database_is_named_without_its_password() {
        let error = connect("postgres://praxis:s3cret@127.0.0.1:1/praxis").await.unwrap_err();
        let text = crate::problem::render(&error);
        assert!(text.contains("127.0.0.1:1/praxis") && text.contains("DATABASE_URL"), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}
