//! The whole cost of a request by how functions come to the database, under one load: a connection each, one each of a
//! role whose password needs no slow derivation, one each to a pooler, and a connection that a sandbox keeps.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    crowd::{self, Asked, Cpu, Crowd},
    database::Database,
    load,
    pooler::Pooler,
    processes,
    report::{Cell, Check, Section},
    sample::Sample,
    setup::Setup,
    stack::Stack,
};

const CLIENTS: usize = 16;
/// Everybody's turns alternate, so that what else the machine does meets all.
const TURNS: usize = 3;
const WARMING: Duration = Duration::from_secs(1);
const DURATION: Duration = Duration::from_secs(4);

/// The role with one iteration. Iterations protect passwords that can be guessed, which 256 random bits cannot.
const QUICK: &str = "bench_quick";

/// One way to the database.
struct Way {
    name: &'static str,
    url: String,
    settings: &'static [(&'static str, &'static str)],
    pooler: Option<u32>,
    /// By what is asked.
    found: [Found; 2],
}

/// What one way's turns came to.
#[derive(Default)]
struct Found {
    times: Vec<f64>,
    seconds: f64,
    errors: usize,
    backends: i64,
    functions_ms: f64,
    database_ms: f64,
    pooler_ms: f64,
    tool_ms: f64,
}

/// Measures all ways in turn.
///
/// # Errors
/// When one does not answer.
pub(super) async fn measure(setup: &Setup) -> Result<(Section, Vec<Check>)> {
    let database = setup.server.database("bench_ways").await?;
    let superuser = database.superuser().await?;
    superuser.batch_execute(&crowd::rows()).await.context("cannot make the sessions")?;
    let server = setup.server_address(&database)?;
    let pooler = Pooler::start(&database, server).await?;
    let mut ways = vec![
        Way::new("a connection each", database.url.clone()),
        Way::new("the same, one SCRAM iteration", quick(&database).await?),
    ];
    if let Some(pooler) = &pooler {
        let through = database.url.replace(&server.to_string(), &pooler.address.to_string());
        let settings = &[("DATABASE_CONNECTION", "pooler")];
        ways.push(Way {
            pooler: pooler.pid(),
            settings,
            ..Way::new("a connection each, to a pooler", through)
        });
    }
    let reuse = &[("DATABASE_CONNECTION", "reuse")];
    ways.push(Way { settings: reuse, ..Way::new("a kept connection", database.url.clone()) });

    let next_session = Arc::new(AtomicUsize::new(0));
    for _ in 0..TURNS {
        for way in &mut ways {
            way.turn(setup, &superuser, &next_session).await.with_context(|| way.name)?;
        }
    }
    superuser.batch_execute(&format!("drop role {QUICK}")).await?;

    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for (place, asked) in Asked::ALL.into_iter().enumerate() {
        for way in &ways {
            let found = &way.found[place];
            rows.push(found.row(way.name, asked.name())?);
            let what = format!("{}, {}", way.name, asked.name());
            if way.pooler.is_some() {
                let limit = setup.budgets.throughput.pooler_backends;
                checks.push(Check::new(
                    "backends per request",
                    &what,
                    found.backends_per_request(),
                    limit,
                    "",
                ));
            }
            checks.push(Check::new("errors", what, found.errors as f64, setup.budgets.throughput.errors, ""));
        }
    }
    let without =
        if pooler.is_none() { " PgBouncer is not installed, so no pooler was measured." } else { "" };
    let section = Section {
        key: "ways",
        title: "Ways to the database",
        note: format!(
            "{CLIENTS} clients, {TURNS} alternating turns of {} s: the mix of the throughput, and the weekly read alone. \
             Processor time is of functions, PostgreSQL, pooler and this tool's gateway together, and of each for a \
             request; backends are the server's processes that were started for it.{without}",
            DURATION.as_secs()
        ),
        columns: vec![
            "way",
            "load",
            "requests/s",
            "requests per CPU s",
            "ms",
            "function CPU ms",
            "PostgreSQL CPU ms",
            "pooler CPU ms",
            "gateway CPU ms",
            "backends per request",
            "errors",
        ],
        rows,
    };
    Ok((section, checks))
}

/// The database's address as a role that may do the same, with one iteration.
async fn quick(database: &Database) -> Result<String> {
    let (user, rest) =
        database.url.split_once("://").and_then(|(_, rest)| rest.split_once(':')).context("a user")?;
    let (_, place) = rest.split_once('@').context("an address")?;
    let password = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
    let script = format!(
        "set scram_iterations = 1; drop role if exists {QUICK}; create role {QUICK} login password '{password}' in role {user};
         reset scram_iterations"
    );
    database.superuser().await?.batch_execute(&script).await.context("cannot make a role")?;
    Ok(format!("postgres://{QUICK}:{password}@{place}"))
}

impl Way {
    fn new(name: &'static str, url: String) -> Self {
        Self { name, url, settings: &[], pooler: None, found: Default::default() }
    }

    async fn turn(
        &mut self,
        setup: &Setup,
        superuser: &tokio_postgres::Client,
        next_session: &Arc<AtomicUsize>,
    ) -> Result<()> {
        let stack = Stack::start(setup, &self.url, self.settings).await?;
        let people = |asked, duration| Crowd {
            clients: CLIENTS,
            asked,
            duration,
            base: stack.gateway.url(),
            next_session: Arc::clone(next_session),
        };
        for (found, asked) in self.found.iter_mut().zip(Asked::ALL) {
            let warming = people(asked, WARMING);
            load::on_own_thread(move || warming.run()).await?;
            let pooler_ms = || self.pooler.and_then(processes::cpu_ms).unwrap_or(0.0);
            let (before, pooler_before, backends_before) =
                (Cpu::now(setup, &stack), pooler_ms(), backends(superuser).await?);
            let crowd = people(asked, DURATION);
            let (answers, client_cpu) = load::on_own_thread(move || crowd.run()).await?;
            let used = Cpu::now(setup, &stack).since(&before);
            found.pooler_ms += pooler_ms() - pooler_before;
            found.backends += backends(superuser).await? - backends_before;
            found.times.extend(answers.times);
            found.seconds += answers.seconds;
            found.errors += answers.errors;
            found.functions_ms += used.functions;
            found.database_ms += used.database;
            found.tool_ms += used.tool - client_cpu.unwrap_or(0.0);
        }
        stack.stop().await;
        Ok(())
    }
}

impl Found {
    fn backends_per_request(&self) -> f64 {
        self.backends as f64 / self.times.len() as f64
    }

    fn row(&self, way: &'static str, load: &'static str) -> Result<Vec<Cell>> {
        let count = self.times.len() as f64;
        let all_ms = self.functions_ms + self.database_ms + self.pooler_ms + self.tool_ms;
        let each = |milliseconds: f64| Cell::Number(milliseconds / count, 2);
        let times = Sample::new(self.times.clone()).context("nobody was answered")?;
        Ok(vec![
            Cell::from(way),
            Cell::from(load),
            Cell::Number(count / self.seconds, 0),
            Cell::Number(count / (all_ms / 1e3), 0),
            Cell::Sample(times, 1),
            each(self.functions_ms),
            each(self.database_ms),
            each(self.pooler_ms),
            each(self.tool_ms),
            Cell::Number(self.backends_per_request(), 2),
            Cell::Number(self.errors as f64, 0),
        ])
    }
}

/// Sessions that the server has begun in this database.
async fn backends(superuser: &tokio_postgres::Client) -> Result<i64> {
    // What a backend counted arrives when it ends or is idle.
    superuser.batch_execute("select pg_stat_clear_snapshot()").await?;
    let sql = "select sessions from pg_stat_database where datname = current_database()";
    Ok(superuser.query_one(sql, &[]).await?.try_get(0)?)
}
