//! The database part of one read: connect with SCRAM, one transaction as the user, close. Against `pgbench -C` with the
//! same statements, and against a connection that is kept.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;
use tokio_postgres::Config;

use super::{
    encryption::{Identity, Relay},
    report::{Cell, Check, Section},
    request::sample_event,
    sample::Sample,
    setup::Setup,
    stack::{Stack, number},
    statements,
    wire::Proxy,
};

/// The read that is measured.
const ROUTE: &str = "get-weekly-progress";

/// Turns of everybody, each with so many transactions.
const TURNS: usize = 30;
const TRANSACTIONS: usize = 20;

/// The function under one way of connecting.
struct Way {
    name: &'static str,
    stack: Stack,
    database_ms: Vec<f64>,
    whole_ms: Vec<f64>,
}

/// `pgbench -C` under one way of connecting.
struct Pgbench {
    name: &'static str,
    program: PathBuf,
    script: PathBuf,
    config: Config,
    encrypted: bool,
    milliseconds: Vec<f64>,
}

/// A folder that goes when it is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Measures all ways in turn, so that what else the machine does meets everybody.
///
/// # Errors
/// When a function or pgbench fails.
pub(super) async fn measure(setup: &Setup) -> Result<(Section, Vec<Check>)> {
    let database = setup.server.database("bench_connection").await?;
    database.seed().await?.reset().await?;
    let server = setup.server_address(&database)?;
    let at = |address: std::net::SocketAddr| database.url.replace(&server.to_string(), &address.to_string());

    let identity = Identity::new()?;
    let (plain, encrypted) =
        (Relay::start(server, None).await?, Relay::start(server, Some(&identity)).await?);
    let through = at(plain.address);
    let over_tls = at(encrypted.address).replace("sslmode=disable", "sslmode=require");
    let pem = identity.pem();
    let mut ways = [
        Way::new(setup, "function, a connection each", &database.url, &[]).await?,
        Way::new(setup, "function, kept connection", &database.url, &[("DATABASE_CONNECTION", "reuse")])
            .await?,
        Way::new(setup, "function, a connection each, relayed", &through, &[]).await?,
        Way::new(
            setup,
            "function, a connection each, relayed with TLS",
            &over_tls,
            &[("DATABASE_CA_PEM", &pem)],
        )
        .await?,
    ];

    let scratch = Scratch(std::env::temp_dir().join(format!("praxis-bench-{}", uuid::Uuid::new_v4())));
    std::fs::create_dir(&scratch.0)?;
    let spoken = spoken(setup, &database.url, server).await?;
    let (each, one) = (scratch.0.join("each.sql"), scratch.0.join("one.sql"));
    std::fs::write(&each, format!("{};\nend;\n", spoken.join(";\n")))?;
    std::fs::write(&one, format!("{}\\;\nend;\n", spoken.join("\\;\n")))?;
    let own = setup.server.cluster.program("pgbench");
    let mut pgbenches = vec![
        Pgbench::new("pgbench -C", &own, &each, &database.url, false)?,
        Pgbench::new("pgbench -C, all statements in one flight", &own, &one, &database.url, false)?,
    ];
    // The development server's own programs know no TLS; an installed pgbench may.
    let mut installed =
        Pgbench::new("installed pgbench -C, relayed with TLS", Path::new("pgbench"), &each, &over_tls, true)?;
    if installed.turn().await.is_ok() {
        installed.milliseconds.clear();
        pgbenches.push(Pgbench::new(
            "installed pgbench -C, relayed",
            Path::new("pgbench"),
            &each,
            &through,
            false,
        )?);
        pgbenches.push(installed);
    }

    for _ in 0..TURNS {
        for way in &mut ways {
            way.turn().await?;
        }
        for pgbench in &mut pgbenches {
            pgbench.turn().await?;
        }
    }
    report(setup, ways, pgbenches).await
}

async fn report(setup: &Setup, ways: [Way; 4], pgbenches: Vec<Pgbench>) -> Result<(Section, Vec<Check>)> {
    let mut rows = Vec::new();
    let mut own = None;
    for way in ways {
        let database = Sample::new(way.database_ms);
        own = own.or(database.as_ref().map(Sample::median));
        rows.push(vec![Cell::from(way.name), database.into(), Sample::new(way.whole_ms).into()]);
        way.stack.stop().await;
    }
    let mut theirs = None;
    for pgbench in pgbenches {
        let sample = Sample::new(pgbench.milliseconds);
        theirs = theirs.or(sample.as_ref().map(Sample::median));
        rows.push(vec![Cell::from(pgbench.name), sample.into(), Cell::Missing]);
    }
    let ratio = own.context("nothing was measured")? / theirs.context("nothing was measured")?;
    let check = Check::new(
        "database part of a read",
        "against pgbench -C",
        ratio,
        setup.budgets.connection.against_pgbench,
        "x",
    );
    let section = Section {
        key: "connection",
        title: "Connection",
        note: format!(
            "The database part of GET /api/v1/progress/weekly: connect with SCRAM, one transaction as the user. \
             {TURNS} alternating turns of {TRANSACTIONS}: median (10th-90th percentile) of the turns' means.\nThe \
             function's own `db_ms`, and its whole `latency_ms` with the closing; pgbench by the wall clock with \
             reconnecting, its statements as the function sent them, plus `end`.\nTLS ends in a relay of this tool, \
             because the development server has none; the relayed rows without TLS tell what the relay costs."
        ),
        columns: vec!["client", "database ms", "whole request ms"],
        rows,
    };
    Ok((section, vec![check]))
}

/// What the function says to the database for the route, read off the wire.
async fn spoken(setup: &Setup, url: &str, server: std::net::SocketAddr) -> Result<Vec<String>> {
    let proxy = Proxy::start(server).await?;
    let url = url.replace(&server.to_string(), &proxy.address.to_string());
    let stack = Stack::start(setup, &url, &[]).await?;
    stack.invoke(ROUTE, sample_event(ROUTE)?.into()).await?;
    stack.stop().await;
    let conversation = proxy.take().pop().context("the function did not connect")?;
    let spoken = statements::of(&conversation.sent)?;
    ensure!(spoken.len() >= 3, "the function said only {spoken:?}");
    Ok(spoken)
}

impl Way {
    async fn new(setup: &Setup, name: &'static str, url: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let stack = Stack::start(setup, url, settings).await?;
        let mut way = Self { name, stack, database_ms: Vec::new(), whole_ms: Vec::new() };
        way.turn().await.with_context(|| name)?;
        way.database_ms.clear();
        way.whole_ms.clear();
        Ok(way)
    }

    async fn turn(&mut self) -> Result<()> {
        let event = bytes::Bytes::from(sample_event(ROUTE)?);
        let (mut database, mut whole) = (0.0, 0.0);
        for _ in 0..TRANSACTIONS {
            self.stack.invoke(ROUTE, event.clone()).await?;
        }
        for line in self.stack.lines(TRANSACTIONS).await? {
            database += number(&line, "db_ms")?;
            whole += number(&line, "latency_ms")?;
        }
        self.database_ms.push(database / TRANSACTIONS as f64);
        self.whole_ms.push(whole / TRANSACTIONS as f64);
        Ok(())
    }
}

impl Pgbench {
    fn new(name: &'static str, program: &Path, script: &Path, url: &str, encrypted: bool) -> Result<Self> {
        let (program, script) = (program.to_owned(), script.to_owned());
        // Whatever the address says of TLS is said by the environment.
        let config = url.parse()?;
        Ok(Self { name, program, script, config, encrypted, milliseconds: Vec::new() })
    }

    async fn turn(&mut self) -> Result<()> {
        let config = &self.config;
        let mut command = Command::new(&self.program);
        command.args(["--no-vacuum", "--connect", "--client=1", "--protocol=simple"]);
        command.arg(format!("--transactions={TRANSACTIONS}")).arg("--file").arg(&self.script);
        command
            .env("PGHOST", "127.0.0.1")
            .env("PGSSLMODE", if self.encrypted { "require" } else { "disable" });
        command.env("PGPORT", config.get_ports().first().context("no port")?.to_string());
        command.env("PGUSER", config.get_user().context("no user")?);
        command.env("PGDATABASE", config.get_dbname().context("no database")?);
        command.env(
            "PGPASSWORD",
            String::from_utf8_lossy(config.get_password().context("no password")?).as_ref(),
        );
        command.stdin(Stdio::null()).kill_on_drop(true);
        let began = Instant::now();
        let output = tokio::time::timeout(Duration::from_secs(60), command.output()).await;
        let output = output.context("pgbench hangs")?.context("cannot run pgbench")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr).trim());
        let rate = rate(&said).with_context(|| format!("pgbench says {said}"))?;
        let milliseconds = 1e3 / rate;
        ensure!(
            milliseconds * TRANSACTIONS as f64 <= began.elapsed().as_secs_f64() * 1e3,
            "pgbench says {said}"
        );
        self.milliseconds.push(milliseconds);
        Ok(())
    }
}

/// Transactions per second, connecting included.
fn rate(said: &str) -> Option<f64> {
    let line =
        said.lines().find(|line| line.starts_with("tps = ") && line.contains("including reconnection"))?;
    line.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_one_that_counts_connecting() {
        let said = "latency average = 1.5 ms\ntps = 210.5 (including reconnection times)\n";
        assert_eq!(rate(said), Some(210.5));
        assert_eq!(rate("tps = 900.0 (without initial connection time)\n"), None);
    }
}
