//! One invocation of every route by its sample event: round trips as the wire saw them, and peak memory afterwards.

use anyhow::{Context, Result, ensure};

use super::{
    artifacts::FLOOR,
    class::Class,
    function::Kind,
    load, processes,
    report::{Cell, Check, Section},
    request::sample_event,
    sample::Sample,
    setup::Setup,
    stack::{Stack, number},
    wire::{Conversation, Proxy},
};

/// An answer can reach the function in pieces between which it speaks, which counts as round trips that are none; and when
/// which thread allocates moves peak memory by some 2 %. Both only ever add, so a run above a budget is repeated in a
/// process of its own, up to so many in all, and the least counts.
const RUNS: usize = 3;

/// What one route did.
struct Finding {
    connections: usize,
    connecting: u32,
    /// Of the connection with the most.
    statements: u32,
    /// As the function's log line says, over all connections.
    logged: f64,
    peak_memory: Option<f64>,
}

/// Invokes every route.
///
/// # Errors
/// When a function fails.
pub(super) async fn measure(setup: &Setup) -> Result<[(Section, Vec<Check>); 2]> {
    let database = setup.server.database("bench_round_trips").await?;
    let seed = database.seed().await?;
    let server = setup.server_address(&database)?;
    let proxy = Proxy::start(server).await?;
    let url = database.url.replace(&server.to_string(), &proxy.address.to_string());
    let mut stack = Stack::start(setup, &url, &[]).await?;

    let client = load::client()?;

    let floor_memory = floor_memory(&stack).await?;
    let (mut trips, mut trip_checks) = (Vec::new(), Vec::new());
    let mut memory = vec![vec![Cell::from("(floor)"), Cell::Missing, floor_memory.into(), Cell::Missing]];
    let mut memory_checks = Vec::new();
    for function in &setup.functions {
        let Some(kind) = function.kind() else { continue };
        let usual = match kind {
            Kind::Read => setup.budgets.round_trips.read,
            Kind::Write | Kind::SignIn => setup.budgets.round_trips.write,
        };
        let limit = *setup.budgets.statements_of.get(&function.name).unwrap_or(&usual);
        let connect = setup.budgets.round_trips.connect;
        let most_memory = setup.budgets.memory.of_function(function);
        let mut findings: Vec<Finding> = Vec::new();
        for run in 0..RUNS {
            if run > 0 {
                stack.recycle();
            }
            seed.reset().await?;
            let event = setup.provider.event(&client, &stack.gateway.url(), &function.name).await?;
            proxy.take();
            stack.invoke(&function.name, event.into()).await?;
            let line = stack.line_of(&function.name).await?;
            let peak_memory = stack.processes(&function.binary).into_iter().find_map(processes::peak_memory);
            let finding = finding(&proxy.take(), number(&line, "db_round_trips")?, peak_memory);
            let memory = finding.peak_memory.zip(floor_memory).map_or(0.0, |(own, floor)| own / floor);
            let is_within = f64::from(finding.statements) <= limit
                && f64::from(finding.connecting) <= connect
                && memory <= most_memory;
            findings.push(finding);
            if is_within {
                break;
            }
        }
        let peak_memory = findings.iter().filter_map(|finding| finding.peak_memory).min_by(f64::total_cmp);
        let finding = findings.into_iter().min_by_key(|finding| (finding.statements, finding.connecting));
        let finding = finding.context("nothing was measured")?;

        if let (Some(own), Some(floor)) = (peak_memory, floor_memory) {
            memory.push(vec![
                Cell::Text(function.name.clone()),
                Cell::from(function.class.name()),
                Cell::Number(own, 2),
                Cell::Number(own / floor, 2),
            ]);
            let title = function.title();
            memory_checks.push(Check::new("peak memory", title, own / floor, most_memory, "x floor"));
        }
        if function.class == Class::Plain {
            ensure!(finding.connections == 0, "{} uses the database but is a plain route", function.name);
            continue;
        }
        ensure!(finding.connections > 0, "{} did not connect to the database", function.name);
        let kind = kind.name();
        trips.push(vec![
            Cell::Text(function.name.clone()),
            Cell::from(kind),
            Cell::Number(finding.connections as f64, 0),
            Cell::Number(finding.connecting.into(), 0),
            Cell::Number(finding.statements.into(), 0),
            Cell::Number(finding.logged, 0),
        ]);
        let connections =
            if function.class == Class::Provider { 2.0 } else { setup.budgets.round_trips.connections };
        trip_checks.push(Check::new(
            "connections",
            &function.name,
            finding.connections as f64,
            connections,
            "",
        ));
        let connecting = finding.connecting.into();
        trip_checks.push(Check::new("round trips to connect", &function.name, connecting, connect, ""));
        let what = format!("{} ({kind})", function.name);
        trip_checks.push(Check::new("round trips of statements", what, finding.statements.into(), limit, ""));
    }
    stack.stop().await;

    let trips = Section {
        key: "round_trips",
        title: "Database round trips",
        note: "Counted by a proxy on the wire, each route by its sample event (TCP, SCRAM): alternations from client to \
               server, until the server is ready and after that.\nOne that asks a provider of identities (the test \
               kit's) connects twice, so that it holds no connection meanwhile, and so does one that asks a model where \
               there is one: the larger of both is shown; `logged` is db_round_trips of the function's own log line, over all \
               connections, without connecting."
            .to_owned(),
        columns: vec!["function", "kind", "connections", "connect", "statements", "logged"],
        rows: trips,
    };
    let unavailable = if memory_checks.is_empty() { " Not available on this system." } else { "" };
    let memory = Section {
        key: "memory",
        title: "Memory",
        note: format!(
            "Peak resident memory (VmHWM) after one invocation by the sample event, MB of 10^6 bytes; pages of the \
             program file that were touched count.{unavailable}"
        ),
        columns: vec!["function", "class", "peak MB", "x floor"],
        rows: memory,
    };
    Ok([(trips, trip_checks), (memory, memory_checks)])
}

fn finding(conversations: &[Conversation], logged: f64, peak_memory: Option<f64>) -> Finding {
    let most = |of: fn(&Conversation) -> u32| conversations.iter().map(of).max().unwrap_or(0);
    Finding {
        connections: conversations.len(),
        connecting: most(|conversation| conversation.connecting),
        statements: most(|conversation| conversation.statements),
        logged,
        peak_memory,
    }
}

/// The floor's peak memory after an invocation, from several processes: it is the divisor of every ratio.
async fn floor_memory(stack: &Stack) -> Result<Option<f64>> {
    let event = sample_event("get-health")?;
    let invocations = (0..5).map(|_| stack.invoke(FLOOR, event.clone().into()));
    futures_util::future::try_join_all(invocations).await.context("the floor fails")?;
    let processes = stack.processes(FLOOR);
    let memory = processes.into_iter().filter_map(processes::peak_memory).collect();
    Ok(Sample::new(memory).map(|sample| sample.median()))
}
