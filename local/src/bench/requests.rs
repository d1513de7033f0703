//! Warm requests through the gateway: each route by its sample event, one after the other.

use std::{sync::Arc, time::Instant};

use anyhow::{Result, ensure};

use super::{
    database::{Database, Seed},
    function::{Function, Kind},
    load, processes,
    provider::Provider,
    report::{Cell, Check, Section},
    request::Request,
    sample::Sample,
    setup::Setup,
    stack::Stack,
};

/// Requests that are measured, and those before them.
const READS: usize = 200;
const WRITES: usize = 60;
const WARMING: usize = 5;

/// Measures every route.
///
/// # Errors
/// When a route does not answer 2xx.
pub(super) async fn measure(setup: &Setup) -> Result<(Section, Vec<Check>)> {
    let database = Arc::new(setup.server.database("bench_requests").await?);
    let stack = Stack::start(setup, &database.url, &[]).await?;
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        for function in setup.functions.iter().filter(|function| function.kind() == Some(kind)) {
            rows.push(route(setup, &stack, &database, function, kind).await?);
        }
    }
    stack.stop().await;
    let section = Section {
        key: "requests",
        title: "Warm requests",
        note: format!(
            "Through the local gateway on one connection, the sandbox warm, the database connected for each request: \
             {READS} of each read, {WRITES} of each other route, the sample's rows put back before each. Processor time \
             is the function's process, and this tool's (gateway and Runtime API) without its client's.\nA sign-in is \
             with the test kit's provider, over HTTP without TLS, by somebody who is known already; to finish one, another \
             is started before each request, outside its time. The provider, and for the function that finishes also the \
             start, is in the tool's processor time."
        ),
        columns: vec!["function", "kind", "ms", "p99 ms", "function CPU ms", "tool CPU ms"],
        rows,
    };
    Ok((section, Vec::new()))
}

async fn route(
    setup: &Setup,
    stack: &Stack,
    database: &Arc<Database>,
    function: &Function,
    kind: Kind,
) -> Result<Vec<Cell>> {
    let count = if kind == Kind::Read { READS } else { WRITES };
    let (base, database, name) = (stack.gateway.url(), Arc::clone(database), function.name.clone());
    let warming = Work { base, database, name, kind, provider: setup.provider.clone() };
    // The first ones start the sandbox, whose processor time is then read.
    let (warming, _) = load::on_own_thread(move || async move {
        warming.send(WARMING).await?;
        Ok(warming)
    })
    .await?;
    let (function_before, tool_before) = (stack.cpu_ms(&function.binary), processes::own_cpu_ms());
    let (times, client) = load::on_own_thread(move || async move { warming.send(count).await }).await?;
    let (function_after, tool_after) = (stack.cpu_ms(&function.binary), processes::own_cpu_ms());

    let each = |milliseconds: f64| milliseconds / count as f64;
    let function_cpu = function_after.zip(function_before).map(|(after, before)| each(after - before));
    let tool_cpu =
        tool_after.zip(tool_before).map(|(after, before)| each(after - before - client.unwrap_or(0.0)));
    let times = Sample::new(times);
    let slowest = times.as_ref().map(|times| times.percentile(99.0));
    Ok(vec![
        Cell::Text(function.name.clone()),
        Cell::from(kind.name()),
        times.into(),
        slowest.into(),
        function_cpu.into(),
        tool_cpu.into(),
    ])
}

struct Work {
    base: String,
    database: Arc<Database>,
    name: String,
    kind: Kind,
    provider: Provider,
}

impl Work {
    /// Sends the request so many times and gives the times in milliseconds.
    async fn send(&self, count: usize) -> Result<Vec<f64>> {
        // Connections belong to the thread that uses them.
        let (client, seed): (_, Seed) = (load::client()?, self.database.seed().await?);
        seed.reset().await?;
        let next = async || Request::of(&self.provider.event(&client, &self.base, &self.name).await?);
        let mut request = next().await?;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            if self.kind != Kind::Read {
                seed.reset().await?;
                request = next().await?;
            }
            let began = Instant::now();
            let answer = request.send(&client, &self.base).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!(answer.is_good(), "{} answers {}", self.name, answer.status);
        }
        Ok(times)
    }
}
