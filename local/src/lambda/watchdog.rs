//! Ends the sandboxes when the tool itself is killed.
//!
//! A function that waits for work ends by itself, since its connection to the Runtime API breaks. One
//! that hangs in a handler would live on. So a small shell process is told every process group, and
//! kills those that are left when the pipe to it closes, which the system does however the tool ended.

use std::{
    io::Write as _,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Mutex,
};

/// Reads `+ID` and `-ID` lines until the end of input, then kills the groups that are left.
const SCRIPT: &str = r#"
groups=" "
while read -r line; do
    group=${line#?}
    case $line in
        +*) groups="$groups$group " ;;
        -*) groups="${groups%% $group *} ${groups#* $group }" ;;
    esac
done
for group in $groups; do kill -KILL "-$group"; done
"#;

/// The shell and the pipe to it. Without a shell (Windows) it does nothing.
#[derive(Debug)]
pub(super) struct Watchdog {
    pipe: Mutex<Option<ChildStdin>>,
    shell: Mutex<Option<Child>>,
}

impl Watchdog {
    pub(super) fn start() -> Self {
        let mut shell = spawn();
        let pipe = shell.as_mut().and_then(|shell| shell.stdin.take());
        Self { pipe: Mutex::new(pipe), shell: Mutex::new(shell) }
    }

    pub(super) fn watch(&self, group: u32) {
        self.tell('+', group);
    }

    /// Must follow the end of the group at once: the system reuses ids.
    pub(super) fn forget(&self, group: u32) {
        self.tell('-', group);
    }

    fn tell(&self, sign: char, group: u32) {
        if let Ok(mut pipe) = self.pipe.lock()
            && let Some(pipe) = pipe.as_mut()
        {
            // A watchdog that is gone must not stop the work.
            let _ = writeln!(pipe, "{sign}{group}");
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Ok(mut pipe) = self.pipe.lock() {
            pipe.take();
        }
        if let Ok(mut shell) = self.shell.lock()
            && let Some(mut shell) = shell.take()
        {
            let _ = shell.wait();
        }
    }
}

#[cfg(unix)]
fn spawn() -> Option<Child> {
    use std::os::unix::process::CommandExt as _;
    // In a group of its own, so that Ctrl-C in the terminal does not reach it.
    Command::new("sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()
}

#[cfg(not(unix))]
fn spawn() -> Option<Child> {
    None
}
