//! `cargo local invoke`.

use std::{io::IsTerminal, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use local::{
    cloud, functions,
    lambda::{InvokeContext, InvokeError, Lambda, LogLine, LogSource, Options},
    logs,
    postgres::{Addresses, Postgres},
    problem::problem,
    project,
    template::Template,
};
use serde_json::Value;

pub(super) async fn run(function: &str, event: Option<PathBuf>, release: bool) -> Result<()> {
    let template = cloud::template(&cloud::environment(&Addresses::one(""), &cloud::shell())?)?;
    let function = known(&template, function)?;
    let event = event_of(function, event)?;
    let binaries = tokio::task::spawn_blocking(move || functions::build(release)).await??;
    let postgres = Postgres::open(false).await?;
    let result = invoke(&postgres, &template, function, binaries, event).await;
    postgres.stop().await;
    let answer = result?;
    super::print(&answer);
    Ok(())
}

/// The function's own name: it may be given by its logical id too.
fn known<'a>(template: &'a Template, function: &str) -> Result<&'a str> {
    template.function(function).map(|known| known.name.as_str()).ok_or_else(|| {
        let names: Vec<_> = template.functions.iter().map(|known| known.name.as_str()).collect();
        problem(format!("the template has no function {function}"), format!("one of {}", names.join(", ")))
    })
}

/// The text of the event, which must be JSON.
fn event_of(function: &str, file: Option<PathBuf>) -> Result<String> {
    let file = match file {
        Some(file) => file,
        None => {
            let (package, _) = project::function_source(function)
                .with_context(|| format!("no package under functions/ has src/bin/{function}.rs"))?;
            project::root().join("events").join(package).join(format!("{function}.json"))
        }
    };
    let help = "give another one with --event FILE";
    let text = std::fs::read_to_string(&file)
        .map_err(|error| problem(format!("cannot read the event {}: {error}", file.display()), help))?;
    serde_json::from_str::<Value>(&text)
        .map_err(|error| problem(format!("the event {} is not JSON: {error}", file.display()), help))?;
    Ok(text)
}

async fn invoke(
    postgres: &Postgres,
    template: &Arc<Template>,
    function: &str,
    binaries: PathBuf,
    event: String,
) -> Result<String> {
    super::migrate::up(postgres).await?;
    super::up::seed(postgres).await?;

    let mut settings = cloud::shell();
    // Where `cargo local` serves unless it is told another port.
    settings.entry("API_URL".to_owned()).or_insert("http://127.0.0.1:3000".to_owned());
    let environment = cloud::environment(postgres.addresses(), &settings)?;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<LogLine>();
    let printer = tokio::spawn(async move {
        let coloured = std::io::stderr().is_terminal();
        let mut file = logs::LogFile::open(&logs::path()).ok();
        while let Some(line) = receiver.recv().await {
            let text = match line.source {
                LogSource::Platform => format!("lambda: {}", line.line),
                LogSource::Stdout | LogSource::Stderr => logs::render(&line.line, coloured),
            };
            eprintln!("{text}");
            // The file is a convenience here; the lines stand on the terminal.
            let _ = file.as_mut().map(|file| file.write(&line));
        }
    });
    let lambda = Lambda::new(&template.functions, binaries, environment, sender, Options::default()).await?;
    let answer =
        async { lambda.invoke(function, event.into(), InvokeContext::default()).await?.into_bytes().await };
    let answer = answer.await;
    lambda.shutdown().await;
    drop(lambda);
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), printer).await;
    let answer = answer.map_err(|error: InvokeError| {
        problem(
            format!("{function} failed: {error}"),
            "what it wrote stands above; `cargo local logs` keeps it",
        )
    })?;
    Ok(readable(&answer))
}

/// JSON with line breaks, also inside the body of an HTTP answer; other answers as they are.
fn readable(answer: &[u8]) -> String {
    let Ok(mut value) = serde_json::from_slice::<Value>(answer) else {
        return String::from_utf8_lossy(answer).into_owned();
    };
    if let Some(body) = value.get("body").and_then(Value::as_str)
        && let Ok(body @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(body)
    {
        value["body"] = body;
    }
    serde_json::to_string_pretty(&value).unwrap_or_default()
}
