//! Building the programs, and what they weigh: the binary, its archive, and the packages that they must not contain.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::DeflateEncoder};
use tokio::process::Command;

use super::{
    budgets::Budgets,
    function::Function,
    report::{Cell, Check, Section},
};
use crate::{problem::problem, project};

/// The name of the empty function's program.
pub(super) const FLOOR: &str = "floor";

/// Builds the functions and the floor with the release profile, and gives the folder of the programs.
///
/// The tool itself is left out: one build has one set of features for each dependency, and the tool's would be in the
/// functions too. All other packages are named, also those without a wanted program, for the same reason.
///
/// # Errors
/// When the build fails.
pub(super) async fn build(functions: &[Function]) -> Result<PathBuf> {
    let mut command = cargo(&["build", "--release", "--workspace", "--exclude", "local", "--quiet"]);
    for program in functions.iter().map(|function| function.binary.as_str()).chain([FLOOR]) {
        command.args(["--bin", program]);
    }
    let built =
        command.arg("--target-dir").arg(project::target()).status().await.context("cannot run cargo")?;
    if !built.success() {
        return Err(problem("the functions do not build", "mend what the compiler names above"));
    }
    Ok(project::target().join("release"))
}

/// Cargo in the project's folder; it ends when this program does.
pub(super) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(project::root()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Sizes of all programs.
///
/// # Errors
/// When a program cannot be read.
pub(super) fn sizes(
    functions: &[Function],
    binaries: &Path,
    budgets: &Budgets,
) -> Result<(Section, Vec<Check>)> {
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    let floor = Size::of(&binaries.join(FLOOR))?;
    rows.push(vec![
        Cell::from("(floor)"),
        Cell::Missing,
        Cell::Number(floor.binary, 2),
        Cell::Number(floor.zip, 2),
    ]);
    for (function, size) in functions.iter().zip(sizes_of(functions, binaries)) {
        let size = size?;
        rows.push(vec![
            Cell::Text(function.name.clone()),
            Cell::from(function.class.name()),
            Cell::Number(size.binary, 2),
            Cell::Number(size.zip, 2),
        ]);
        let limit = budgets.binary_mb.of_function(function);
        checks.push(Check::new("binary", function.title(), size.binary, limit, "MB"));
        checks.push(Check::new(
            "zip",
            function.title(),
            size.zip,
            budgets.zip_mb.of_function(function),
            "MB",
        ));
    }
    let section = Section {
        key: "sizes",
        title: "Sizes",
        note:
            "Release binaries of this machine's architecture, and as the file `bootstrap` in a zip archive; \
               MB are 10^6 bytes."
                .to_owned(),
        columns: vec!["function", "class", "binary MB", "zip MB"],
        rows,
    };
    Ok((section, checks))
}

/// Deflating takes most of the time, so all processors do it.
fn sizes_of(functions: &[Function], binaries: &Path) -> Vec<Result<Size>> {
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let size = |function: &Function| Size::of(&binaries.join(&function.binary));
    std::thread::scope(|scope| {
        let parts = functions.chunks(functions.len().div_ceil(processors).max(1));
        let parts: Vec<_> =
            parts.map(|part| scope.spawn(move || part.iter().map(size).collect::<Vec<_>>())).collect();
        parts.into_iter().flat_map(|part| part.join().expect("reading a file does not panic")).collect()
    })
}

struct Size {
    binary: f64,
    zip: f64,
}

impl Size {
    fn of(program: &Path) -> Result<Self> {
        let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
        Ok(Self { binary: bytes.len() as f64 / 1e6, zip: zipped(&bytes, "bootstrap")? as f64 / 1e6 })
    }
}

/// The length of a zip archive with one deflated file: the local header (30 bytes and the name), the data, the central
/// directory's entry (46 bytes and the name) and its end (22 bytes).
/// <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>
fn zipped(bytes: &[u8], name: &str) -> Result<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(30 + name.len() + encoder.finish()?.len() + 46 + name.len() + 22)
}

/// Checks that no function's package depends on what it must not, with the features that it is built with alone.
///
/// # Errors
/// When cargo cannot tell.
pub(super) async fn dependencies(functions: &[Function], budgets: &Budgets) -> Result<(Section, Vec<Check>)> {
    let (mut rows, mut checks) = (Vec::new(), Vec::new());
    for package in project::function_packages()? {
        let listed = packages_of(&package).await?;
        let forbidden: Vec<_> =
            listed.iter().filter(|name| budgets.absent.forbids(&package, name)).cloned().collect();
        for function in functions {
            if project::function_source(&function.name).is_none_or(|(found, _)| found != package) {
                continue;
            }
            rows.push(vec![
                Cell::Text(function.name.clone()),
                Cell::Text(package.clone()),
                Cell::Number(listed.len() as f64, 0),
                Cell::Text(if forbidden.is_empty() { "none".to_owned() } else { forbidden.join(", ") }),
            ]);
            checks.push(Check::new("forbidden packages", &function.name, forbidden.len() as f64, 0.0, ""));
        }
    }
    let section = Section {
        key: "dependencies",
        title: "Dependencies",
        note: format!(
            "What a function's package links (`cargo tree --edges normal`). None may be {}.",
            budgets.absent.packages.join(", ")
        ),
        columns: vec!["function", "package", "packages linked", "forbidden"],
        rows,
    };
    Ok((section, checks))
}

/// The names of all packages in the normal dependency graph of `package`, itself left out.
async fn packages_of(package: &str) -> Result<Vec<String>> {
    let arguments =
        ["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let output = cargo(&arguments).output().await.context("cannot run cargo tree")?;
    ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr).trim());
    let mut names: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != package)
        .collect();
    names.sort();
    names.dedup();
    // An empty graph would keep every budget.
    ensure!(names.iter().any(|name| name == "tokio"), "cargo tree shows no tokio in {package}");
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{bench::class::Class, cloud};

    #[test]
    fn an_archive_is_as_long_as_its_parts() {
        // Deflate of nothing is two bytes: an empty last block.
        assert_eq!(zipped(b"", "bootstrap").unwrap(), 30 + 9 + 2 + 46 + 9 + 22);
        assert!(zipped(&[7; 100_000], "bootstrap").unwrap() < 1_000);
    }

    #[tokio::test]
    async fn a_package_that_a_function_links_and_must_not_is_found() {
        let text = std::fs::read_to_string(project::root().join("local/bench-budgets.toml")).unwrap();
        let forbidding = |name: &str| -> Budgets {
            toml::from_str(&text.replace("packages = [", &format!("packages = [{name:?}, "))).unwrap()
        };
        let template = cloud::template(&BTreeMap::new()).unwrap();
        let function = template.function("get-me").unwrap();
        let functions = [Function { function: function.clone(), class: Class::Database }];
        let missed = async |budgets: &Budgets| {
            let (_, checks) = dependencies(&functions, budgets).await.unwrap();
            assert_eq!(checks.len(), 1);
            checks.iter().filter(|check| !check.is_kept()).count()
        };
        assert_eq!(missed(&forbidding("nothing-of-this-name")).await, 0);
        assert_eq!(missed(&forbidding("tokio-postg*")).await, 1);
    }

    #[test]
    fn a_program_above_its_budget_is_found() {
        let folder = std::env::temp_dir().join(format!("praxis-bench-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let template = cloud::template(&BTreeMap::new()).unwrap();
        let function = template.function("get-me").unwrap();
        let functions = [Function { function: function.clone(), class: Class::Database }];
        let budgets = Budgets::read(&project::root().join("local/bench-budgets.toml")).unwrap();
        std::fs::write(folder.join(FLOOR), b"floor").unwrap();
        let missed = |bytes: usize| {
            std::fs::write(folder.join("get-me"), vec![0; bytes]).unwrap();
            let (_, checks) = sizes(&functions, &folder, &budgets).unwrap();
            checks.iter().filter(|check| !check.is_kept()).map(|check| check.what()).collect::<Vec<_>>()
        };
        let limit = (budgets.binary_mb.of_function(&functions[0]) * 1e6).round() as usize;
        assert!(missed(limit - 1).is_empty());
        assert_eq!(missed(limit + 1), ["binary: get-me (database)"]);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
