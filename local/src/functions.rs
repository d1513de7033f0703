//! Building the functions' programs, and telling whether those that lie there are fresh.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead, BufReader, IsTerminal as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{problem::problem, project};

/// What a build has made.
#[derive(Debug)]
pub struct Build {
    /// The folder of the programs.
    pub programs: PathBuf,
    /// Those that were compiled or linked anew.
    pub renewed: Vec<String>,
}

/// Builds every function and gives the folder of the programs. Blocks.
///
/// # Errors
/// As [`rebuild`].
pub fn build(release: bool) -> Result<PathBuf> {
    Ok(rebuild(release)?.programs)
}

/// Builds every function. Blocks. What happens, how far it is and what the compiler says stand on standard error.
///
/// # Errors
/// A [`Problem`](crate::problem::Problem) when the build fails.
pub fn rebuild(release: bool) -> Result<Build> {
    compile(&names()?, release)
}

fn compile(names: &[String], release: bool) -> Result<Build> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // The whole workspace is selected, so that Cargo chooses the same features as for this tool and `cargo test`, and
    // nothing is compiled twice; of it only the functions are built.
    command.args(["build", "--workspace", "--message-format=json-render-diagnostics"]);
    for name in names {
        command.args(["--bin", name]);
    }
    if release {
        command.arg("--release");
    }
    command.current_dir(project::root()).arg("--target-dir").arg(project::target());
    // Standard error is this tool's own: on a terminal Cargo draws its bar there.
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let messages = child.stdout.take().context("cargo has an output")?;
    let renewed = follow(BufReader::new(messages), names.len(), &mut Counter::new())?;
    if !child.wait()?.success() {
        return Err(problem("the functions do not build", "mend what the compiler names above"));
    }
    let profile = if release { "release" } else { "debug" };
    Ok(Build { programs: project::target().join(profile), renewed })
}

/// Says how many programs are done where Cargo does not: its bar needs a terminal.
struct Counter {
    silent: bool,
    last: Instant,
}

impl Counter {
    const PAUSE: Duration = Duration::from_secs(10);

    fn new() -> Self {
        Self { silent: io::stderr().is_terminal(), last: Instant::now() }
    }

    fn done(&mut self, done: usize, of: usize) {
        if !self.silent && (self.last.elapsed() >= Self::PAUSE) {
            self.last = Instant::now();
            eprintln!("    {done} of {of} programs");
        }
    }
}

/// Reads Cargo's messages to their end and gives the names of the programs that are new
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages>).
fn follow(messages: impl BufRead, of: usize, counter: &mut Counter) -> Result<Vec<String>> {
    let (mut done, mut renewed) = (0, Vec::new());
    for line in messages.lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        if message["reason"] != "compiler-artifact" || message["executable"].is_null() {
            continue;
        }
        done += 1;
        counter.done(done, of);
        if message["fresh"] == false
            && let Some(name) = message["target"]["name"].as_str()
        {
            renewed.push(name.to_owned());
        }
    }
    Ok(renewed)
}

/// The folder of this test process's own build. Cargo builds the programs of the package under test before it runs the
/// tests; those of other packages may be missing or old: see [`freshen`].
///
/// # Errors
/// When the test's own program has no path.
pub fn of_this_test() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let deps = exe.parent().context("the test program lies in a folder")?;
    Ok(if deps.ends_with("deps") { deps.parent().unwrap_or(deps) } else { deps }.to_owned())
}

/// The same folder, with every function in it as fresh as its sources. Blocks.
///
/// # Errors
/// As [`build`].
pub fn fresh_for_tests() -> Result<PathBuf> {
    let folder = of_this_test()?;
    if names()?.iter().all(|name| is_fresh(&folder, name)) {
        return Ok(folder);
    }
    build(folder.ends_with("release"))
}

/// Builds one program of that folder unless it is as fresh as its sources; once per process and program. Blocks.
///
/// # Errors
/// As [`build`].
pub fn freshen(folder: &Path, name: &str) -> Result<()> {
    static FRESH: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    // Whoever waits here would else wait for Cargo's lock.
    let mut fresh = FRESH.lock().unwrap_or_else(PoisonError::into_inner);
    let program = folder.join(name);
    if !fresh.contains(&program) {
        if !is_fresh(folder, name) {
            compile(&[name.to_owned()], folder.ends_with("release"))?;
        }
        fresh.insert(program);
    }
    Ok(())
}

/// The programs of all packages, by their files in `src/bin`.
///
/// # Errors
/// When a folder cannot be read.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for package in project::function_packages()? {
        let folder = project::root().join("functions").join(&package).join("src/bin");
        // A package without programs is no error.
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Whether the program is newer than every source that Cargo lists for it in the `.d` file beside it.
fn is_fresh(folder: &Path, name: &str) -> bool {
    let modified = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let Some(built) = modified(&folder.join(name)) else { return false };
    let Ok(listed) = fs::read_to_string(folder.join(format!("{name}.d"))) else { return false };
    sources(&listed).iter().all(|source| modified(source).is_some_and(|time: SystemTime| time <= built))
}

/// The sources of a `.d` file: `program: source source …`, with a backslash before a space in a name.
fn sources(listed: &str) -> Vec<PathBuf> {
    let Some((_, list)) = listed.split_once(": ") else { return Vec::new() };
    let list = list.lines().next().unwrap_or_default().replace("\\ ", "\0");
    list.split(' ').filter(|name| !name.is_empty()).map(|name| name.replace('\0', " ").into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_with_their_spaces() {
        let listed = "/t/debug/get-me: /p/a.rs /my\\ p/b.rs\n";
        assert_eq!(sources(listed), [PathBuf::from("/p/a.rs"), PathBuf::from("/my p/b.rs")]);
    }

    #[test]
    fn what_cargo_made_anew_is_read_off_its_messages() {
        let artifact = |name: &str, executable: &str, fresh: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":{executable},"fresh":{fresh}}}"#
            )
        };
        let messages = [
            artifact("shared", "null", false),
            artifact("get-me", "\"/t/debug/get-me\"", true),
            "no JSON".to_owned(),
            artifact("update-me", "\"/t/debug/update-me\"", false),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let mut counter = Counter { silent: true, last: Instant::now() };
        assert_eq!(follow(messages.join("\n").as_bytes(), 2, &mut counter).unwrap(), ["update-me"]);
    }

    #[test]
    fn a_program_older_than_a_source_is_not_fresh() {
        let folder = std::env::temp_dir().join(format!("praxis-test-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        let (source, program) = (folder.join("a.rs"), folder.join("a"));
        fs::write(&source, "").unwrap();
        assert!(!is_fresh(&folder, "a"), "missing");
        fs::write(&program, "").unwrap();
        fs::write(folder.join("a.d"), format!("{}: {}\n", program.display(), source.display())).unwrap();
        assert!(is_fresh(&folder, "a"));
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        fs::File::open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_fresh(&folder, "a"), "older than its source");
        fs::remove_dir_all(folder).unwrap();
    }
}
