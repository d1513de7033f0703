//! `cargo local bench`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use local::{
    bench::{self, Report, Scope},
    problem::problem,
    project,
};
use tokio::signal::unix::{SignalKind, signal};

pub(super) async fn run(scope: Scope, json: Option<PathBuf>) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Dropping the future kills every process that it started.
    tokio::select! {
        done = measure(scope, json) => done,
        _ = interrupt.recv() => Err(problem("interrupted", "start again; nothing is left behind")),
        _ = terminate.recv() => Err(problem("terminated", "start again; nothing is left behind")),
    }
}

async fn measure(scope: Scope, json: Option<PathBuf>) -> Result<()> {
    let short = matches!(scope, Scope::Short(_));
    // Of a part alone, ratios and counts are judged, which an unoptimised gateway does not change.
    if matches!(scope, Scope::Full) && cfg!(debug_assertions) {
        return optimised(json).await;
    }
    let machine = bench::machine();
    let mut report = Report::default();
    let outcome = bench::run(&scope, &mut report, |what| eprintln!("{what}")).await;
    super::print(&format!("{machine}\n{}", report.text()));
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&report.json(&machine))?;
        std::fs::write(&file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    }
    outcome?;
    verdict(&report, short)
}

/// An error, and so the exit status 1, when a budget is missed. The short mode, which guards every change, lets pass what
/// is known and no worse than that.
fn verdict(report: &Report, short: bool) -> Result<()> {
    match report.missed().filter(|check| !(short && check.is_known())).count() {
        0 => Ok(()),
        missed => Err(problem(
            format!("{missed} of {} budgets are missed", report.checks.len()),
            "make it leaner; or, with a reason, change local/bench-budgets.toml",
        )),
    }
}

/// Does the same with an optimised build of this tool: its gateway is part of what is timed.
async fn optimised(json: Option<PathBuf>) -> Result<()> {
    eprintln!("building this tool with optimisation");
    let mut command =
        tokio::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["run", "--quiet", "--release", "--package", "local", "--target-dir"])
        .arg(project::target());
    command.args(["--manifest-path"]).arg(project::root().join("Cargo.toml")).args(["--", "bench"]);
    if let Some(file) = json {
        command.arg("--json").arg(file);
    }
    let status = command.kill_on_drop(true).status().await.context("cannot run cargo")?;
    // It has said what is wrong; this process only passes on that something is.
    if status.success() { Ok(()) } else { std::process::exit(status.code().unwrap_or(1)) }
}

#[cfg(test)]
mod tests {
    use local::bench::Check;

    use super::*;

    #[test]
    fn one_missed_budget_among_kept_ones_fails_the_run() {
        let check = |value, known| Check {
            group: "binary",
            subject: "get-me".to_owned(),
            value,
            limit: 4.0,
            unit: "MB",
            known,
        };
        let mut report = Report::default();
        report.checks.extend([check(3.9, None), check(4.0, None)]);
        assert!(verdict(&report, false).is_ok());
        report.checks.push(check(4.1, Some(4.2)));
        assert!(verdict(&report, true).is_ok(), "known, and no worse");
        let error = verdict(&report, false).unwrap_err();
        assert_eq!(error.to_string(), "1 of 3 budgets are missed");
        report.checks.push(check(4.3, Some(4.2)));
        assert!(verdict(&report, true).is_err(), "worse than known");
    }
}
