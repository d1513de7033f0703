//! All sandboxes: which are idle, which may start, which must go.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{
    net::TcpListener,
    process::Child,
    sync::{mpsc, watch},
    task::AbortHandle,
};
use uuid::Uuid;

use super::{
    answer::InvokeError,
    environment,
    log_line::{LogLine, LogSource},
    options::Options,
    runtime_api,
    sandbox::{self, Sandbox, lock},
    watchdog::Watchdog,
};
use crate::{functions, problem::render, template::Function};

#[derive(Debug)]
pub(super) struct Fleet {
    functions: HashMap<String, Arc<Function>>,
    binaries: PathBuf,
    environment: BTreeMap<String, String>,
    logs: mpsc::UnboundedSender<LogLine>,
    pub(super) options: Options,
    state: Mutex<State>,
    /// Processes that have not been waited for yet.
    running: watch::Sender<usize>,
    watchdog: Arc<Watchdog>,
    sweeper: Mutex<Option<AbortHandle>>,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    generation: u64,
    live: HashMap<String, Arc<Sandbox>>,
    /// Per function, the most recently used last.
    idle: HashMap<String, Vec<Arc<Sandbox>>>,
}

impl Fleet {
    pub(super) fn start(
        functions: &[Function],
        binaries: PathBuf,
        environment: BTreeMap<String, String>,
        logs: mpsc::UnboundedSender<LogLine>,
        options: Options,
    ) -> anyhow::Result<Arc<Self>> {
        let binaries =
            std::path::absolute(&binaries).with_context(|| format!("bad path {}", binaries.display()))?;
        let idle_timeout = options.idle_timeout;
        let fleet = Arc::new(Self {
            functions: functions.iter().map(|f| (f.name.clone(), Arc::new(f.clone()))).collect(),
            binaries,
            environment,
            logs,
            options,
            state: Mutex::default(),
            running: watch::Sender::new(0),
            watchdog: Arc::new(Watchdog::start()),
            sweeper: Mutex::default(),
        });
        let weak = Arc::downgrade(&fleet);
        let sweeper = tokio::spawn(async move {
            let period = (idle_timeout / 4).clamp(Duration::from_millis(20), Duration::from_secs(5));
            loop {
                tokio::time::sleep(period).await;
                let Some(fleet) = weak.upgrade() else { return };
                fleet.stop_idle(idle_timeout);
            }
        });
        *lock(&fleet.sweeper) = Some(sweeper.abort_handle());
        Ok(fleet)
    }

    pub(super) async fn ready(&self, name: &str) {
        self.options.hold.released().await;
        let Some(function) = self.functions.get(name).filter(|_| self.options.build_stale) else { return };
        let (folder, binary) = (self.binaries.clone(), function.binary.clone());
        let built = tokio::task::spawn_blocking(move || functions::freshen(&folder, &binary)).await;
        if let Ok(Err(error)) = built {
            self.platform_line(name, render(&error));
        }
    }

    /// An idle sandbox of the function, or a new one (then `true`).
    pub(super) fn acquire(self: &Arc<Self>, name: &str) -> Result<(Arc<Sandbox>, bool), InvokeError> {
        let function =
            self.functions.get(name).ok_or_else(|| InvokeError::UnknownFunction(name.to_owned()))?;
        let mut state = lock(&self.state);
        if state.stopped {
            return Err(InvokeError::Stopped);
        }
        while let Some(sandbox) = state.idle.get_mut(name).and_then(Vec::pop) {
            if !sandbox.has_exited() {
                return Ok((sandbox, false));
            }
        }
        // One that has just crashed holds no place, though it is still listed for a moment.
        let alive = || state.live.values().filter(|sandbox| !sandbox.has_exited());
        let (busy, all) = (alive().filter(|sandbox| sandbox.function.name == name).count(), alive().count());
        if function.reserved_concurrency.is_some_and(|limit| busy >= limit) {
            return Err(InvokeError::Throttled);
        }
        if all >= self.options.max_concurrency && !state.evict() {
            return Err(InvokeError::Throttled);
        }
        let sandbox = self.launch(function, state.generation)?;
        state.live.insert(sandbox.id.clone(), sandbox.clone());
        Ok((sandbox, true))
    }

    fn launch(
        self: &Arc<Self>,
        function: &Arc<Function>,
        generation: u64,
    ) -> Result<Arc<Sandbox>, InvokeError> {
        let binary = self.binaries.join(format!("{}{}", function.binary, std::env::consts::EXE_SUFFIX));
        let (sandbox, child, listener) = self.spawn(function, generation, &binary).map_err(|error| {
            let message = format!("cannot start {}: {error}", binary.display());
            self.platform_line(&function.name, format!("INIT_REPORT Phase: init Status: error {message}"));
            InvokeError::Init { error_type: "Runtime.InvalidEntrypoint".to_owned(), message }
        })?;
        if let Some(group) = sandbox.group() {
            self.watchdog.watch(group);
        }
        self.running.send_modify(|running| *running += 1);
        let server = tokio::spawn(runtime_api::serve(listener, sandbox.clone())).abort_handle();
        let (fleet, watchdog, running) = (Arc::downgrade(self), self.watchdog.clone(), self.running.clone());
        let (reaped, logs) = (sandbox.clone(), self.logs.clone());
        tokio::spawn(async move {
            sandbox::reap(reaped.clone(), child, logs).await;
            server.abort();
            if let Some(group) = reaped.group() {
                watchdog.forget(group);
            }
            if let Some(fleet) = fleet.upgrade() {
                fleet.forget(&reaped);
            }
            running.send_modify(|running| *running -= 1);
        });
        Ok(sandbox)
    }

    fn spawn(
        &self,
        function: &Arc<Function>,
        generation: u64,
        binary: &Path,
    ) -> std::io::Result<(Arc<Sandbox>, Child, TcpListener)> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let id = Uuid::new_v4().simple().to_string();
        let variables = environment::variables(function, &self.binaries, &self.environment, &id, &address);
        let (sandbox, child) =
            Sandbox::start(id, function.clone(), generation, binary, &self.binaries, &variables)?;
        Ok((sandbox, child, TcpListener::from_std(listener)?))
    }

    /// Makes a sandbox available again after an invocation.
    pub(super) fn release(&self, sandbox: &Arc<Sandbox>) {
        let mut state = lock(&self.state);
        if state.stopped || sandbox.generation != state.generation {
            state.live.remove(&sandbox.id);
            sandbox.kill();
            return;
        }
        *lock(&sandbox.idle_since) = Instant::now();
        state.idle.entry(sandbox.function.name.clone()).or_default().push(sandbox.clone());
    }

    /// Kills a sandbox that must not be used again.
    pub(super) fn discard(&self, sandbox: &Arc<Sandbox>) {
        self.forget(sandbox);
        sandbox.kill();
    }

    fn forget(&self, sandbox: &Arc<Sandbox>) {
        let mut state = lock(&self.state);
        state.live.remove(&sandbox.id);
        if let Some(idle) = state.idle.get_mut(&sandbox.function.name) {
            idle.retain(|other| other.id != sandbox.id);
        }
    }

    fn stop_idle(&self, timeout: Duration) {
        let mut state = lock(&self.state);
        let mut expired = Vec::new();
        for idle in state.idle.values_mut() {
            idle.retain(|sandbox| {
                let keep = lock(&sandbox.idle_since).elapsed() < timeout;
                if !keep {
                    expired.push(sandbox.clone());
                }
                keep
            });
        }
        for sandbox in expired {
            state.live.remove(&sandbox.id);
            sandbox.kill();
        }
    }

    pub(super) fn recycle(&self) {
        lock(&self.state).generation += 1;
        self.stop_idle(Duration::ZERO);
    }

    pub(super) fn crash(&self, function: &str) {
        let state = lock(&self.state);
        state
            .live
            .values()
            .filter(|sandbox| sandbox.function.name == function)
            .for_each(|sandbox| sandbox.kill());
    }

    pub(super) fn sandboxes(&self, function: &str) -> usize {
        lock(&self.state).live.values().filter(|sandbox| sandbox.function.name == function).count()
    }

    pub(super) fn is_stopped(&self) -> bool {
        lock(&self.state).stopped
    }

    pub(super) fn platform_line(&self, function: &str, line: String) {
        // A sink that nobody reads is no reason to fail.
        let _ = self.logs.send(LogLine { function: function.into(), source: LogSource::Platform, line });
    }

    /// Works without a runtime, so that `Drop` can call it.
    pub(super) fn kill_all(&self) {
        let mut state = lock(&self.state);
        state.stopped = true;
        state.idle.clear();
        for (_, sandbox) in state.live.drain() {
            sandbox.kill();
        }
        if let Some(sweeper) = lock(&self.sweeper).take() {
            sweeper.abort();
        }
    }

    pub(super) async fn shutdown(&self) {
        self.kill_all();
        // A killed process is gone in milliseconds; a hung disk must not hang the shutdown.
        let gone = async { self.running.subscribe().wait_for(|running| *running == 0).await.map(drop) };
        let _ = tokio::time::timeout(Duration::from_secs(5), gone).await;
    }
}

impl State {
    /// Stops the sandbox that has been idle longest. False when all are busy.
    fn evict(&mut self) -> bool {
        let idle = self.idle.values().flatten();
        let Some(oldest) = idle.min_by_key(|sandbox| *lock(&sandbox.idle_since)).cloned() else {
            return false;
        };
        if let Some(idle) = self.idle.get_mut(&oldest.function.name) {
            idle.retain(|sandbox| sandbox.id != oldest.id);
        }
        self.live.remove(&oldest.id);
        oldest.kill();
        true
    }
}

/// `Root=1-<time>-<random>;Parent=…;Sampled=0`, as X-Ray writes it.
pub(crate) fn new_trace_id() -> String {
    let random = Uuid::new_v4().simple().to_string();
    let seconds = jiff::Timestamp::now().as_second();
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", &random[..24], &random[16..])
}
