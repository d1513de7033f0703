//! One sandbox: a function's process, its log streams, and what it is working on.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::{Mutex as AsyncMutex, mpsc, watch},
    task::JoinHandle,
};

use super::log_line::{LogLine, LogSource};
use crate::template::Function;

/// An invocation on its way to a process.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) request_id: String,
    pub(super) trace_id: String,
    pub(super) payload: Bytes,
    pub(super) signals: mpsc::Sender<Signal>,
}

/// What the Runtime API tells the invocation that waits.
#[derive(Debug)]
pub(super) enum Signal {
    /// The process has fetched the work; its time runs from here.
    Started(Instant),
    /// A whole answer.
    Answer(Bytes),
    /// An answer above the limit, by its size.
    TooLarge(usize),
    /// The runtime reported an error.
    Failed(ErrorReport),
    /// A streamed answer begins; whether a prelude comes first.
    StreamStart {
        integration: bool,
    },
    Chunk(Bytes),
    /// The stream is complete.
    StreamEnd,
    /// The stream broke off.
    StreamBroken(ErrorReport),
    /// The process asks for more: this invocation is over.
    Done,
}

/// What a runtime posts to `/error`.
#[derive(Debug, Clone)]
pub(super) struct ErrorReport {
    pub(super) error_type: String,
    pub(super) message: String,
}

/// The invocation that the process holds.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) request_id: String,
    pub(super) signals: mpsc::Sender<Signal>,
    pub(super) answered: bool,
}

/// A process and its state. The fleet, the Runtime API and the invocation share it.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) id: String,
    pub(super) function: Arc<Function>,
    /// Binaries of an older generation are not reused.
    pub(super) generation: u64,
    pub(super) work: mpsc::Sender<Work>,
    pub(super) queue: AsyncMutex<mpsc::Receiver<Work>>,
    pub(super) current: Mutex<Option<Current>>,
    pub(super) init_error: Mutex<Option<ErrorReport>>,
    /// How the process ended, once it has, and its last lines have been read.
    pub(super) exit: watch::Sender<Option<String>>,
    pub(super) idle_since: Mutex<Instant>,
    group: Option<u32>,
}

impl Sandbox {
    /// Starts the process. The caller waits for it with [`reap`].
    pub(super) fn start(
        id: String,
        function: Arc<Function>,
        generation: u64,
        binary: &Path,
        directory: &Path,
        environment: &BTreeMap<String, String>,
    ) -> std::io::Result<(Arc<Self>, Child)> {
        let mut command = Command::new(binary);
        command
            .current_dir(directory)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own: Ctrl-C in the terminal is the tool's business, and children of the
        // function die with it.
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        let (work, queue) = mpsc::channel(1);
        let sandbox = Arc::new(Self {
            id,
            function,
            generation,
            work,
            queue: AsyncMutex::new(queue),
            current: Mutex::default(),
            init_error: Mutex::default(),
            exit: watch::Sender::new(None),
            idle_since: Mutex::new(Instant::now()),
            group: child.id(),
        });
        Ok((sandbox, child))
    }

    pub(super) fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    pub(super) fn group(&self) -> Option<u32> {
        self.group
    }

    /// Kills the process and its children, unless they have ended.
    pub(super) fn kill(&self) {
        if !self.has_exited() {
            kill_group(self.group);
        }
    }
}

#[cfg(unix)]
fn kill_group(group: Option<u32>) {
    use rustix::process::{Pid, Signal, kill_process_group};
    if let Some(group) = group.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
        // The only failure is that the group is gone already.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(group: Option<u32>) {
    if let Some(id) = group {
        let _ = std::process::Command::new("taskkill").args(["/F", "/T", "/PID", &id.to_string()]).output();
    }
}

/// Waits for the end of the process, then for its last lines, so that the reason of a crash stands
/// in the log before anybody is told of the crash.
pub(super) async fn reap(sandbox: Arc<Sandbox>, mut child: Child, logs: mpsc::UnboundedSender<LogLine>) {
    let readers = [
        child.stdout.take().map(|pipe| follow(pipe, &sandbox.function.name, LogSource::Stdout, &logs)),
        child.stderr.take().map(|pipe| follow(pipe, &sandbox.function.name, LogSource::Stderr, &logs)),
    ];
    let status = child.wait().await;
    kill_group(sandbox.group);
    for reader in readers.into_iter().flatten() {
        // A grandchild that left the group could hold the pipe open for ever.
        let _ = tokio::time::timeout(Duration::from_millis(500), reader).await;
    }
    let how = match status {
        Ok(status) => describe(status),
        Err(error) => error.to_string(),
    };
    sandbox.exit.send_replace(Some(how));
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal: {signal}");
    }
    status.code().map_or_else(|| status.to_string(), |code| format!("exit status {code}"))
}

fn follow(
    pipe: impl AsyncRead + Unpin + Send + 'static,
    function: &str,
    source: LogSource,
    logs: &mpsc::UnboundedSender<LogLine>,
) -> JoinHandle<()> {
    let (function, logs) = (Arc::<str>::from(function), logs.clone());
    tokio::spawn(async move {
        let mut reader = BufReader::new(pipe);
        let mut buffer = Vec::new();
        while let Ok(length) = reader.read_until(b'\n', &mut buffer).await
            && length > 0
        {
            let line = String::from_utf8_lossy(&buffer);
            let line = line.trim_end_matches(['\n', '\r']).to_owned();
            if logs.send(LogLine { function: function.clone(), source, line }).is_err() {
                // Nobody reads; but a full pipe would block the function, so reading goes on.
            }
            buffer.clear();
        }
    })
}

/// A lock whose holder panicked is still usable: every write here is one assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
