//! Building the functions' programs, and telling whether those that lie there are fresh.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{Context, Result};

use crate::{problem::problem, project};

/// Builds every function and gives the folder of the programs. Blocks; says nothing unless it fails, and then
/// what the compiler said.
///
/// # Errors
/// A [`Problem`](crate::problem::Problem) when the build fails.
pub fn build(release: bool) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // All members at once, this tool too: Cargo then chooses the same features as for `cargo test`, and nothing
    // is compiled twice.
    command.args(["build", "--workspace", "--bins", "--quiet"]).current_dir(project::root());
    if release {
        command.arg("--release");
    }
    command.arg("--target-dir").arg(project::target());
    let output = command.stdin(Stdio::null()).output().context("cannot run cargo")?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(problem("the functions do not build", "mend what the compiler names above"));
    }
    let profile = if release { "release" } else { "debug" };
    Ok(project::target().join(profile))
}

/// The folder of this test process's own build, with every function in it as fresh as its sources. Blocks.
///
/// Cargo builds the programs of the package under test before it runs the tests, and holds no lock meanwhile;
/// those of other packages may be missing or old.
///
/// # Errors
/// As [`build`].
pub fn fresh_for_tests() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let deps = exe.parent().context("the test program lies in a folder")?;
    let folder = if deps.ends_with("deps") { deps.parent().unwrap_or(deps) } else { deps };
    if names()?.iter().all(|name| is_fresh(folder, name)) {
        return Ok(folder.to_owned());
    }
    build(folder.ends_with("release"))
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
