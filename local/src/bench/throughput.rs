//! Many clients at once: four reads to each message, without a model.

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    crowd::{Asked, Cpu, Crowd, READS, TURN, rows},
    load,
    report::{Cell, Check, Section},
    sample::Sample,
    setup::Setup,
    stack::Stack,
};

const CLIENTS: [usize; 4] = [1, 4, 16, 64];
const DURATION: Duration = Duration::from_secs(10);

/// Measures every number of clients.
///
/// # Errors
/// When nothing answers.
pub(super) async fn measure(setup: &Setup) -> Result<(Section, Vec<Check>)> {
    let database = setup.server.database("bench_throughput").await?;
    database.superuser().await?.batch_execute(&rows()).await.context("cannot make the sessions")?;
    let mut stack = Stack::start(setup, &database.url, &[]).await?;
    let next_session = Arc::new(AtomicUsize::new(0));
    let (mut lines, mut checks) = (Vec::new(), Vec::new());
    for clients in CLIENTS {
        let before = Cpu::now(setup, &stack);
        let (base, next_session) = (stack.gateway.url(), Arc::clone(&next_session));
        let crowd = Crowd { clients, asked: Asked::Mix, duration: DURATION, base, next_session };
        let (answers, client_cpu) = load::on_own_thread(move || crowd.run()).await?;
        let used = Cpu::now(setup, &stack).since(&before);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let cold = stack.lines_so_far().iter().filter(|line| line["cold_start"] == true).count();

        let rate = answers.times.len() as f64 / answers.seconds;
        let tool = used.tool - client_cpu.unwrap_or(0.0);
        let count = answers.times.len() as f64;
        let times = Sample::new(answers.times).context("nobody was answered")?;
        let slowest = times.percentile(99.0);
        lines.push(vec![
            Cell::Number(clients as f64, 0),
            Cell::Number(rate, 0),
            Cell::Sample(times, 1),
            Cell::Number(slowest, 1),
            Cell::Number(count / (used.functions / 1e3), 0),
            Cell::Number(count / ((used.functions + used.database + tool) / 1e3), 0),
            Cell::Number(answers.errors as f64, 0),
            Cell::Number(cold as f64, 0),
        ]);
        let what = format!("{clients} clients");
        checks.push(Check::new("errors", what, answers.errors as f64, setup.budgets.throughput.errors, ""));
    }
    stack.stop().await;
    let section = Section {
        key: "throughput",
        title: "Throughput",
        note: format!(
            "{} s each: 80 % reads ({}), 20 % turns ({TURN}) without a model, a database connection for each \
             transaction, clients on the same machine. Per CPU second of the functions alone, and of functions, PostgreSQL \
             and this tool's gateway together.",
            DURATION.as_secs(),
            READS.join(", ")
        ),
        columns: vec![
            "clients",
            "requests/s",
            "ms",
            "p99 ms",
            "requests per function CPU s",
            "requests per CPU s",
            "errors",
            "sandboxes started",
        ],
        rows: lines,
    };
    Ok((section, checks))
}
