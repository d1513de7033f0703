//! What a start does, counted rather than timed: instructions and opened files by valgrind's callgrind, which runs the
//! program on a processor of its own and so sees no neighbours. Where valgrind is not installed nothing is counted.
//! <https://valgrind.org/docs/manual/cl-manual.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::waiting::Waiting;

/// Counting is some hundred times slower than running.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was counted.
#[derive(Debug, PartialEq)]
pub(super) struct Counted {
    /// Instructions of the program and of the dynamic loader, without the kernel's.
    pub(super) instructions: f64,
    /// Files that the program or the loader opened, each once; the program itself and the loader are not among them.
    pub(super) files: f64,
}

/// The installed valgrind.
pub(super) struct Valgrind(PathBuf);

impl Valgrind {
    /// Looks for it in `PATH`.
    pub(super) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join("valgrind"))
            .find(|file| file.is_file())
            .map(Self)
    }

    /// Starts a program up to its first `next` and counts; `scratch` is a folder for what valgrind says.
    ///
    /// # Errors
    /// When the program does not ask for work, or valgrind says something else than usual.
    pub(super) async fn count(
        &self,
        program: &Path,
        scratch: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<Counted> {
        let said = scratch.join("valgrind");
        let mut command = Command::new(&self.0);
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--trace-syscalls=yes"]);
        command.arg(format!("--log-file={}", said.display())).arg(program);
        command.current_dir(scratch).env_clear().envs(variables);
        let mut waiting = Waiting::start(command, PATIENCE).await.context("under valgrind")?;
        waiting.settle().await;
        // Not killed outright: valgrind tells what it counted when it ends.
        let pid = waiting.child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        kill_process(pid.context("valgrind ended by itself")?, Signal::TERM)?;
        let ended = tokio::time::timeout(PATIENCE, waiting.child.wait()).await;
        ended.context("valgrind does not end")??;
        read(&std::fs::read_to_string(&said)?)
    }
}

/// Finds the counts in what valgrind said.
fn read(said: &str) -> Result<Counted> {
    let collected =
        said.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, number)| number.trim());
    let Some(instructions) = collected.and_then(|number| number.parse().ok()) else {
        bail!("valgrind counted no instructions: {}", said.lines().last().unwrap_or_default());
    };
    // `SYSCALL[7,1](257) sys_openat ( 4294967196, 0x40290b1(/etc/ld.so.cache), 524288 ) --> …`
    let opened = said.lines().filter(|line| line.contains("sys_open"));
    let names = opened
        .filter_map(|line| line.split_once("(/")?.1.split_once(')'))
        .map(|(name, _)| format!("/{name}"));
    // It looks for debugging information itself, and loads a part of its own.
    let files: BTreeSet<_> =
        names.filter(|name| !name.starts_with("/usr/lib/debug/") && !name.contains("/valgrind/")).collect();
    Ok(Counted { instructions, files: files.len() as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_and_what_valgrind_opens_for_itself_is_none_of_the_programs() {
        let said = "SYSCALL[7,1](257) sys_openat ( 4294967196, 0x40(/usr/libexec/valgrind/vgpreload_core.so), 524288 ) --> [async] ... \n\
                    SYSCALL[7,1](257) sys_openat ( 4294967196, 0x40(/etc/ld.so.cache), 524288 ) --> [async] ... \n\
                    SYSCALL[7,1](257) sys_openat ( 4294967196, 0x40(/usr/lib/debug/libm.so.6), 524288 ) --> [async] ... \n\
                    SYSCALL[7,1](257) sys_openat ( 4294967196, 0x48(/lib/libm.so.6), 524288 ) --> [async] ... \n\
                    SYSCALL[7,1](257) sys_openat ( 4294967196, 0x48(/lib/libm.so.6), 524288 ) --> [async] ... \n\
                    ==7== Collected : 734515\n";
        assert_eq!(read(said).unwrap(), Counted { instructions: 734_515.0, files: 2.0 });
        assert!(read("==7== Killed").is_err(), "nothing is not zero");
    }
}
