//! Starts: from `exec` to the first call of the Runtime API's `next`, each function beside the floor. What a start does
//! has budgets; how long it takes is printed beside it, because neighbours on the machine take their part of that.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{
    artifacts::FLOOR,
    budgets::{Budgets, PerClass},
    counted::{Counted, Valgrind},
    function::Function,
    processes,
    report::{Cell, Check, Section},
    sample::Sample,
    waiting::Waiting,
};

/// A program that has not asked for work by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts of one program.
#[derive(Default)]
struct Starts {
    milliseconds: Vec<f64>,
    page_faults: Vec<f64>,
    mapped_mb: Option<f64>,
    peak_memory: Vec<f64>,
    counted: Option<Counted>,
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
    let copies = Copies::new()?;
    let floor_program = copies.of(binaries, FLOOR)?;
    let (mut measured, mut floor) = (Vec::new(), Starts::default());
    for function in functions {
        measured.push((function, copies.of(binaries, &function.binary)?, Starts::default()));
    }
    for round in 0..=count {
        for (function, program, own) in &mut measured {
            let variables = variables(function, environment);
            // The first round fills the page cache.
            let (mut unheard_floor, mut unheard) = (Starts::default(), Starts::default());
            let (floor, own) = if round > 0 { (&mut floor, own) } else { (&mut unheard_floor, &mut unheard) };
            floor.add(&floor_program, &copies.0, &variables).await?;
            let started = own.add(program, &copies.0, &variables).await;
            started.with_context(|| format!("{} does not start", function.name))?;
        }
    }
    let valgrind = Valgrind::find();
    if let (Some(valgrind), Some((first, ..))) = (&valgrind, measured.first()) {
        let variables_of_floor = variables(first, environment);
        floor.counted = Some(valgrind.count(&floor_program, &copies.0, &variables_of_floor).await?);
        for (function, program, own) in &mut measured {
            let counted = valgrind.count(program, &copies.0, &variables(function, environment)).await;
            own.counted = Some(counted.with_context(|| format!("{} cannot be counted", function.name))?);
        }
    }

    let (mut rows, mut checks) = (vec![floor.row("(floor)".to_owned(), Cell::Missing, &floor)], Vec::new());
    for (function, _, own) in &measured {
        rows.push(own.row(function.name.clone(), Cell::from(function.class.name()), &floor));
        for (group, value, budget, unit) in own.judged(&floor, budgets) {
            checks.push(Check::new(group, function.title(), value, budget.of_function(function), unit));
        }
    }
    let instructions = match valgrind {
        Some(_) => {
            "instructions (in thousands, without the kernel's) and opened files are callgrind's count of one start"
        }
        None => "instructions and opened files are not counted, because valgrind is not installed",
    };
    let section = Section {
        key: "starts",
        title: "Starts",
        note: format!(
            "From exec to the first `next`, {count} starts of each, alternating with the floor: medians (10th-90th \
             percentile). Page faults are the kernel's count; mapped are the program and its libraries; {instructions}. \
             Times have no budget: they are the neighbours' too."
        ),
        columns: vec![
            "function",
            "class",
            "instructions",
            "x floor",
            "page faults",
            "faults x floor",
            "files",
            "mapped MB",
            "ms",
            "ms x floor",
            "peak MB",
        ],
        rows,
    };
    Ok((section, checks))
}

/// Programs as new files: how the linker or an earlier reader left a file in the page cache decides how many of its pages
/// one fault brings, which is a tenth of all faults.
struct Copies(PathBuf);

impl Copies {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("praxis-bench-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder)?;
        Ok(Self(folder))
    }

    fn of(&self, binaries: &Path, name: &str) -> Result<PathBuf> {
        let (from, to) = (binaries.join(name), self.0.join(name));
        let program = std::fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        std::fs::write(&to, program)?;
        std::fs::set_permissions(&to, std::fs::metadata(&from)?.permissions())?;
        Ok(to)
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Starts {
    /// One start more.
    async fn add(
        &mut self,
        program: &Path,
        folder: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut command = Command::new(program);
        command.current_dir(folder).env_clear().envs(variables);
        let mut waiting = Waiting::start(command, PATIENCE).await?;
        waiting.settle().await;
        self.milliseconds.push(waiting.milliseconds);
        if let Some(pid) = waiting.child.id() {
            self.page_faults.extend(processes::page_faults(pid));
            self.peak_memory.extend(processes::peak_memory(pid));
            self.mapped_mb = processes::mapped_files(pid);
        }
        // Fails only for one that has ended already.
        let _ = waiting.child.kill().await;
        Ok(())
    }

    fn row(&self, name: String, class: Cell, floor: &Self) -> Vec<Cell> {
        let ratio =
            |own: Option<f64>, floor: Option<f64>| Cell::from(own.zip(floor).map(|(own, floor)| own / floor));
        let whole = |number: Option<f64>| number.map_or(Cell::Missing, |number| Cell::Number(number, 0));
        let counted = |of: fn(&Counted) -> f64| self.counted.as_ref().map(of);
        vec![
            Cell::Text(name),
            class,
            whole(counted(|counted| counted.instructions / 1e3)),
            ratio(self.instructions(), floor.instructions()),
            whole(median(&self.page_faults)),
            ratio(median(&self.page_faults), median(&floor.page_faults)),
            whole(counted(|counted| counted.files)),
            self.mapped_mb.into(),
            Sample::new(self.milliseconds.clone()).into(),
            ratio(median(&self.milliseconds), median(&floor.milliseconds)),
            median(&self.peak_memory).into(),
        ]
    }

    /// What has a budget: its kind, how much it is, the budget, the unit. What this system does not count is left out.
    fn judged<'a>(
        &self,
        floor: &Self,
        budgets: &'a Budgets,
    ) -> Vec<(&'static str, f64, &'a PerClass, &'static str)> {
        let ratio = |own: Option<f64>, floor: Option<f64>| own.zip(floor).map(|(own, floor)| own / floor);
        let start = &budgets.start;
        let judged = [
            (
                "start: instructions",
                ratio(self.instructions(), floor.instructions()),
                &start.instructions,
                "x floor",
            ),
            (
                "start: page faults",
                ratio(median(&self.page_faults), median(&floor.page_faults)),
                &start.page_faults,
                "x floor",
            ),
            ("start: files", self.counted.as_ref().map(|counted| counted.files), &start.files, "files"),
            ("start: mapped", ratio(self.mapped_mb, floor.mapped_mb), &start.mapped, "x floor"),
        ];
        judged
            .into_iter()
            .filter_map(|(group, value, budget, unit)| Some((group, value?, budget, unit)))
            .collect()
    }

    fn instructions(&self) -> Option<f64> {
        self.counted.as_ref().map(|counted| counted.instructions)
    }
}

fn median(numbers: &[f64]) -> Option<f64> {
    Sample::new(numbers.to_vec()).map(|sample| sample.median())
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
