//! What the functions cost on this machine, and whether that is within `local/bench-budgets.toml`.
//!
//! Everything is measured in one run and compared within it. The short mode leaves out what depends on time.

mod artifacts;
mod budgets;
mod class;
mod connection;
mod counted;
mod crowd;
mod database;
mod encryption;
mod function;
mod growth;
mod growth_accounts;
mod growth_rows;
mod jobs;
mod jobs_rows;
mod jobs_worker;
mod lessons;
mod lessons_rows;
mod links;
mod load;
mod markdown;
mod pooler;
mod processes;
mod provider;
mod report;
mod request;
mod requests;
mod round_trips;
mod sample;
mod selection;
mod setup;
mod stack;
mod starts;
mod statements;
mod streams;
mod streams_kept;
mod table;
mod throughput;
mod waiting;
mod ways;
mod weekly_job;
mod wire;

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

pub use report::{Check, Report};

use crate::{cloud, postgres::Addresses, project, template};
use artifacts::FLOOR;
use budgets::Budgets;
use class::Class;
use database::Server;
use function::Function;
use provider::Provider;
use selection::Selection;
use setup::Setup;

/// Starts of every function, and as many of the floor beside each; fewer where their time does not count.
const STARTS: usize = 50;
const COUNTED_STARTS: usize = 9;

/// How much is measured.
#[derive(Debug)]
pub enum Scope {
    /// Everything, of every function.
    Full,
    /// Only what does not depend on time.
    Short(Functions),
    /// One part of the full bench, and only the programs that it needs.
    Only(Part),
}

/// A part of the full bench that can be looked at alone.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    /// What lessons cost.
    Lessons,
    /// What answers cost that are written while they are read.
    Streams,
    /// What work behind a request costs.
    Jobs,
}

impl Part {
    fn functions(self) -> &'static [&'static str] {
        match self {
            Self::Lessons => &lessons::FUNCTIONS,
            Self::Streams => &streams::FUNCTIONS,
            Self::Jobs => &jobs::FUNCTIONS,
        }
    }
}

/// How much of a part is measured.
#[derive(Debug, Clone, Copy)]
enum Extent {
    /// All of it.
    Whole,
    /// What neighbours on the machine do not change, and that in seconds.
    Small,
}

/// Of which functions.
#[derive(Debug)]
pub enum Functions {
    /// Of every one.
    All,
    /// Of a sample of each class, and of those that changed since a commit, or since a usual one.
    ChangedSince(Option<String>),
}

/// Builds the programs and measures them into `report`. `progress` hears what is being done.
///
/// # Errors
/// When something cannot be measured; what was found before is in the report. A missed budget is no error here.
pub async fn run(scope: &Scope, report: &mut Report, progress: impl Fn(&str)) -> Result<()> {
    let began = Instant::now();
    let say = |what: &str| progress(&format!("{:>4} s  {what}", began.elapsed().as_secs()));
    let budgets = Budgets::read(&project::root().join("local/bench-budgets.toml"))?;
    let template = cloud::template(&cloud::environment(&Addresses::one(""), &BTreeMap::new())?)?;
    let mut functions = Vec::new();
    for function in &template.functions {
        functions.push(Function { function: function.clone(), class: Class::of(&template, function)? });
    }
    let selection = match scope {
        Scope::Full | Scope::Short(Functions::All) => Selection::all(&functions),
        Scope::Short(Functions::ChangedSince(base)) => {
            Selection::sample_and_changed(&functions, base.as_deref())?
        }
        Scope::Only(part) => Selection::named(part.functions()),
    };
    functions.retain(|function| selection.names.contains(&function.name));

    say(&format!("building release binaries: {}", selection.said));
    let binaries = artifacts::build(&functions).await?;
    if !matches!(scope, Scope::Only(_)) {
        say("sizes and dependencies");
        report.add(artifacts::sizes(&functions, &binaries, &budgets)?);
        report.add(artifacts::dependencies(&functions, &budgets).await?);
        report.add(links::measure(&functions, &binaries, &budgets)?);
    }

    let server = Server::start().await?;
    let provider = Provider::start().await;
    let mut setup = Setup { template, functions, binaries, budgets, server, provider };
    let outcome = match scope {
        Scope::Only(part) => measure_part(*part, Extent::Whole, &setup, report, &say).await,
        _ => measure(&mut setup, scope, report, &say).await,
    };
    report.mark(&setup.budgets.known);
    setup.server.cluster.stop().await;
    outcome
}

async fn measure(setup: &mut Setup, scope: &Scope, report: &mut Report, say: &impl Fn(&str)) -> Result<()> {
    say("starts");
    let environment = cloud::environment(
        &Addresses::one(&setup.server.cluster.database_url("none")),
        &setup.provider.settings(),
    )?;
    let count = if matches!(scope, Scope::Full) { STARTS } else { COUNTED_STARTS };
    report
        .add(starts::measure(&setup.functions, &setup.binaries, &environment, count, &setup.budgets).await?);
    // From here on the floor is a function among the others, for the local Lambda to run.
    let health = setup.template.function("get-health").context("the template has no get-health")?;
    let floor = template::Function {
        name: FLOOR.to_owned(),
        binary: FLOOR.to_owned(),
        events: Vec::new(),
        ..health.clone()
    };
    setup.functions.push(Function { function: floor, class: Class::Plain });

    say("round trips and memory");
    for part in round_trips::measure(setup).await? {
        report.add(part);
    }
    if matches!(scope, Scope::Short(_)) {
        measure_part(Part::Streams, Extent::Small, setup, report, say).await?;
        return measure_part(Part::Jobs, Extent::Small, setup, report, say).await;
    }
    say("connecting, against pgbench");
    report.add(connection::measure(setup).await?);
    say("warm requests");
    report.add(requests::measure(setup).await?);
    say("throughput");
    report.add(throughput::measure(setup).await?);
    say("ways to the database");
    report.add(ways::measure(setup).await?);
    say("growth");
    report.add(growth::measure(setup, say).await?);
    say("the weekly job");
    report.add(weekly_job::measure(setup, say).await?);
    for part in [Part::Lessons, Part::Streams, Part::Jobs] {
        measure_part(part, Extent::Whole, setup, report, say).await?;
    }
    report.markdown = Some(markdown::text(report, &machine(), &setup.server.version().await?, setup));
    say("done");
    Ok(())
}

/// One part; lessons are only measured whole.
async fn measure_part(
    part: Part,
    extent: Extent,
    setup: &Setup,
    report: &mut Report,
    say: &impl Fn(&str),
) -> Result<()> {
    let found = match part {
        Part::Lessons => lessons::measure(setup, say).await?,
        Part::Streams => streams::measure(setup, extent, say).await?,
        Part::Jobs => jobs::measure(setup, extent, say).await?.into(),
    };
    for one in found {
        report.add(one);
    }
    Ok(())
}

/// The machine that the numbers are from.
pub fn machine() -> Value {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    let kibibytes: Option<f64> = memory.and_then(|kibibytes| kibibytes.parse().ok());
    let rustc = std::process::Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    json!({
        "architecture": std::env::consts::ARCH,
        "system": std::env::consts::OS,
        "processor": model,
        "processors": std::thread::available_parallelism().map(|count| count.get()).ok(),
        "memory_gb": kibibytes.map(|kibibytes| (kibibytes * 1024.0 / 1e9).round() as u64),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "rust": rustc.unwrap_or_default(),
        "tool": if cfg!(debug_assertions) { "debug" } else { "release" },
        "measured_at": jiff::Timestamp::now().to_string(),
    })
}
