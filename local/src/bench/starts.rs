//! Cold starts: from `exec` to the first call of the Runtime API's `next`, each function beside the floor.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tokio::{io::AsyncReadExt, net::TcpListener, process::Command};

use super::{
    artifacts::FLOOR,
    budgets::Budgets,
    function::Function,
    processes,
    report::{Cell, Check, Section},
    sample::Sample,
};

/// A program that has not asked for work by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// One start.
struct Start {
    milliseconds: f64,
    peak_memory: Option<f64>,
}

/// Starts every function `count` times, each time right after the floor, so that what else the machine does meets both.
///
/// # Errors
/// When a program does not start.
pub(super) async fn measure(
    functions: &[Function],
    binaries: &Path,
    environment: &BTreeMap<String, String>,
    count: usize,
    budgets: &Budgets,
) -> Result<(Section, Vec<Check>)> {
    let mut measured: Vec<_> = functions.iter().map(|_| Measured::default()).collect();
    for round in 0..=count {
        for (function, measured) in functions.iter().zip(&mut measured) {
            let floor = start(&binaries.join(FLOOR), binaries, &variables(function, environment)).await?;
            let own =
                start(&binaries.join(&function.binary), binaries, &variables(function, environment)).await;
            let own = own.with_context(|| format!("{} does not start", function.name))?;
            // The first round fills the page cache.
            if round > 0 {
                measured.add(&floor, &own);
            }
        }
    }

    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    let all_floors = measured.iter().flat_map(|measured| measured.floor.clone()).collect();
    let floor_memory = measured.iter().flat_map(|measured| measured.floor_memory.clone()).collect();
    rows.push(vec![
        Cell::from("(floor)"),
        Cell::Missing,
        Sample::new(all_floors).into(),
        Cell::Missing,
        Sample::new(floor_memory).map(|sample| sample.median()).into(),
    ]);
    for (function, measured) in functions.iter().zip(measured) {
        let memory = Sample::new(measured.own_memory).map(|sample| sample.median());
        let (Some(own), Some(floor)) = (Sample::new(measured.own), Sample::new(measured.floor)) else {
            bail!("no start was asked for");
        };
        let ratio = own.median() / floor.median();
        rows.push(vec![
            Cell::Text(function.name.clone()),
            Cell::from(function.class.name()),
            Some(own).into(),
            Cell::Number(ratio, 2),
            memory.into(),
        ]);
        let limit = budgets.cold_start.of(function.class);
        checks.push(Check::new("cold start", function.title(), ratio, limit, "x floor"));
    }
    let section = Section {
        key: "cold_start",
        title: "Cold start",
        note: format!(
            "From exec to the first `next`, {count} starts of each, alternating with the floor: median (10th-90th \
             percentile). The ratio is to the floor's median in the same pairs."
        ),
        columns: vec!["function", "class", "ms", "x floor", "peak MB"],
        rows,
    };
    Ok((section, checks))
}

#[derive(Default)]
struct Measured {
    floor: Vec<f64>,
    own: Vec<f64>,
    floor_memory: Vec<f64>,
    own_memory: Vec<f64>,
}

impl Measured {
    fn add(&mut self, floor: &Start, own: &Start) {
        self.floor.push(floor.milliseconds);
        self.own.push(own.milliseconds);
        self.floor_memory.extend(floor.peak_memory);
        self.own_memory.extend(own.peak_memory);
    }
}

/// What Lambda and the template give the function, with the settings of this run above.
fn variables(function: &Function, environment: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", function.log_group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", function.log_format.clone()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("_HANDLER", function.handler.clone()),
    ];
    let mut variables: BTreeMap<_, _> = lambda.map(|(name, value)| (name.to_owned(), value)).into();
    variables.extend(function.variables(environment));
    // Blank stands for unset.
    variables.retain(|_, value| !value.is_empty());
    variables
}

/// Starts a program with a Runtime API of its own, and ends it when it asks for work.
async fn start(program: &Path, folder: &Path, variables: &BTreeMap<String, String>) -> Result<Start> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().envs(variables).kill_on_drop(true);
    command.env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());

    let began = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let asked = tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            biased;
            request = first_request(&listener) => request,
            ended = child.wait() => bail!("it ended: {}", ended?),
        }
    })
    .await;
    let milliseconds = began.elapsed().as_secs_f64() * 1e3;
    let peak_memory = child.id().and_then(processes::peak_memory);
    // Fails only for one that has ended already.
    let _ = child.kill().await;

    let request = asked.with_context(|| format!("{} asks for no work", program.display()))??;
    let first_line = request.lines().next().unwrap_or_default();
    if !first_line.starts_with("GET ") || !first_line.contains("/runtime/invocation/next") {
        bail!("{} did not ask for work but: {first_line}", program.display());
    }
    Ok(Start { milliseconds, peak_memory })
}

/// The head of the first request.
async fn first_request(listener: &TcpListener) -> Result<String> {
    let (mut stream, _) = listener.accept().await?;
    let mut head = Vec::new();
    // An empty line ends the head; `next` has no body.
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            bail!("the connection ended inside a request");
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_ends_without_asking_for_work_is_an_error() {
        let Err(error) = start(Path::new("/bin/true"), Path::new("/"), &BTreeMap::new()).await else {
            panic!("it asked for work");
        };
        assert!(error.to_string().contains("it ended"), "{error:#}");
    }
}
