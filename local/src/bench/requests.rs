//! Warm requests through the gateway: each route by its sample event, one after the other.

use std::{sync::Arc, time::Instant};

use anyhow::{Result, ensure};

use super::{
    Function, Setup,
    class::Class,
    database::{Database, Seed},
    load, processes,
    report::{Cell, Check, Section},
    sample::Sample,
    stack::{Request, Stack, sample_event},
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
    for kind in ["read", "write"] {
        for function in setup.functions.iter().filter(|function| function.class != Class::Provider) {
            match function.method() {
                Some("GET") if kind == "read" => {}
                Some(method) if method != "GET" && kind == "write" => {}
                _ => continue,
            }
            rows.push(route(&stack, &database, function, kind).await?);
        }
    }
    stack.stop().await;
    let section = Section {
        key: "requests",
        title: "Warm requests",
        note: format!(
            "Through the local gateway on one connection, the sandbox warm, the database connected for each request: \
             {READS} of each read, {WRITES} of each write, the sample's rows put back before each write. Processor time \
             is the function's process, and this tool's (gateway and Runtime API) without its client's."
        ),
        columns: vec!["function", "kind", "ms", "p99 ms", "function CPU ms", "tool CPU ms"],
        rows,
    };
    Ok((section, Vec::new()))
}

async fn route(
    stack: &Stack,
    database: &Arc<Database>,
    function: &Function,
    kind: &'static str,
) -> Result<Vec<Cell>> {
    let request = Request::of(&sample_event(&function.name)?)?;
    let count = if kind == "read" { READS } else { WRITES };
    let (base, database, name) = (stack.gateway.url(), Arc::clone(database), function.name.clone());
    let warming = Work { request, base, database, name, writes: kind == "write" };
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
        Cell::from(kind),
        times.into(),
        slowest.into(),
        function_cpu.into(),
        tool_cpu.into(),
    ])
}

struct Work {
    request: Request,
    base: String,
    database: Arc<Database>,
    name: String,
    writes: bool,
}

impl Work {
    /// Sends the request so many times and gives the times in milliseconds.
    async fn send(&self, count: usize) -> Result<Vec<f64>> {
        // Connections belong to the thread that uses them.
        let (client, seed): (_, Seed) = (load::client()?, self.database.seed().await?);
        seed.reset().await?;
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            if self.writes {
                seed.reset().await?;
            }
            let began = Instant::now();
            let status = self.request.send(&client, &self.base).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            ensure!((200..300).contains(&status), "{} answers {status}", self.name);
        }
        Ok(times)
    }
}
