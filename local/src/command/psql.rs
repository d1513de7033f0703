//! `cargo local psql`.

use anyhow::{Context, Result};
use local::{postgres::Postgres, problem::problem};
use tokio_postgres::config::{Host, SslMode};

pub(super) async fn run(arguments: &[String]) -> Result<()> {
    let postgres = Postgres::open(false).await?;
    let url = postgres.url().to_owned();
    // The private cluster is opened as the superuser, for whom row-level security hides nothing.
    let (program, url) = match postgres.cluster() {
        Some(cluster) => (cluster.program("psql"), cluster.superuser_url("praxis")),
        None => ("psql".into(), url),
    };
    let mut command = tokio::process::Command::new(program);
    // The address holds the password, so it goes by the environment, where `ps` does not show it.
    command.arg("--no-psqlrc").args(arguments);
    for (name, value) in settings(&url)? {
        command.env(name, value);
    }
    let status = command.status().await.context("cannot run psql");
    postgres.stop().await;
    if status?.success() { Ok(()) } else { Err(problem("psql failed", "see its message above")) }
}

/// The address as libpq's environment variables.
fn settings(url: &str) -> Result<Vec<(&'static str, String)>> {
    let config: tokio_postgres::Config = url.parse()?;
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(host) => host.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let port = config.get_ports().first().map(u16::to_string);
    let password = config.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
    let encryption = match config.get_ssl_mode() {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        _ => "prefer",
    };
    let pairs = [
        ("PGSSLMODE", Some(encryption.to_owned())),
        ("PGHOST", host),
        ("PGPORT", port),
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
    ];
    Ok(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}
