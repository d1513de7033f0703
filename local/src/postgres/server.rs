//! One running `postgres`, which never outlives the process that started it.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::account::Account;

/// How long a start or a stop may take: crash recovery of a large cluster is the slow case.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `postgres` beside a reader of standard input, a pipe whose other end the tool holds. However the tool
/// ends, the pipe closes and the server is asked for a fast shutdown. `$1` is a folder to delete afterwards.
const WATCHDOG: &str = r#"
exec 3<&0
scratch=$1; shift
"$@" 3<&- & server=$!
{ while read -r _ <&3; do :; done; kill -INT "$server"; } & reader=$!
wait "$server"; status=$?
kill "$reader" 2>/dev/null
if [ -n "$scratch" ]; then rm -rf -- "$scratch"; fi
exit "$status"
"#;

/// What differs between servers.
pub(super) struct Settings<'a> {
    /// The folder of the programs.
    pub(super) programs: &'a Path,
    /// The account to run as.
    pub(super) account: Option<Account>,
    /// The folder that holds `data` and `log`.
    pub(super) home: &'a Path,
    /// Whether data must survive a power cut; if not, nothing is forced to disk.
    pub(super) durable: bool,
    /// Whether `home` goes when the server stops.
    pub(super) scratch: bool,
}

/// A running server.
pub(super) struct Server {
    watchdog: Child,
    data: PathBuf,
}

impl Server {
    /// Starts the server on 127.0.0.1 and waits until it accepts connections. Blocks.
    ///
    /// # Errors
    /// With the server's last words.
    pub(super) fn start(settings: &Settings<'_>, port: u16) -> Result<Self> {
        let data = settings.home.join("data");
        let log = settings.home.join("log");
        let mut command = Command::new("sh");
        command.args(["-c", WATCHDOG, "watchdog"]);
        command.arg(if settings.scratch { settings.home.as_os_str() } else { "".as_ref() });
        command.arg(settings.programs.join("postgres")).arg("-D").arg(&data);
        // No sockets in the file system: their paths may hold 107 bytes only, and a project may lie deep.
        let port_setting = format!("port={port}");
        for setting in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", &port_setting, "timezone=UTC"]
        {
            command.args(["-c", setting]);
        }
        if !settings.durable {
            let reckless =
                ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal"];
            for setting in reckless.into_iter().chain(["max_wal_senders=0", "max_connections=300", "jit=off"])
            {
                command.args(["-c", setting]);
            }
        }
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null());
        command.stderr(File::create(&log).with_context(|| format!("cannot write {}", log.display()))?);
        // A group of its own: Ctrl-C reaches the tool alone, which stops the functions first.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        if let Some(account) = settings.account {
            account.apply(&mut command);
        }
        let watchdog = command.spawn().context("cannot start `sh`")?;
        let mut server = Self { watchdog, data };
        let deadline = Instant::now() + PATIENCE;
        while !server.is_ready() {
            if server.watchdog.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("PostgreSQL did not start: {}", last_words(&log));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// The server itself says so in its lock file, which a predecessor may have left: its process must be our child.
    fn is_ready(&self) -> bool {
        let lock = Lock::read(&self.data);
        lock.is_some_and(|lock| lock.ready && lock.parent_is(self.watchdog.id()))
    }

    /// Asks for a fast shutdown and waits for it. Blocks.
    pub(super) fn stop(mut self) {
        drop(self.watchdog.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.watchdog.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// What `postmaster.pid` says.
pub(super) struct Lock {
    /// The server's process.
    pub(super) pid: u32,
    /// Where it listens.
    pub(super) port: u16,
    ready: bool,
}

impl Lock {
    pub(super) fn read(data: &Path) -> Option<Self> {
        // The lines are fixed by PostgreSQL's `pidfile.h`: 1 the process, 4 the port, 8 the state.
        let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        Some(Self {
            pid: lines.first()?.parse().ok()?,
            port: lines.get(3).and_then(|port| port.parse().ok()).unwrap_or(0),
            ready: lines.get(7) == Some(&"ready"),
        })
    }

    /// Whether the process that wrote the file is a server on `data` that still lives. After a kill the number
    /// may belong to some other program, which PostgreSQL would mistake for a running server.
    pub(super) fn is_alive(&self, data: &Path) -> bool {
        let data = data.to_string_lossy();
        let arguments = fs::read(format!("/proc/{}/cmdline", self.pid))
            .map(|raw| String::from_utf8_lossy(&raw).into_owned())
            .or_else(|_| {
                let output = Command::new("ps").args(["-o", "args=", "-p", &self.pid.to_string()]).output();
                output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            });
        arguments.is_ok_and(|arguments| arguments.contains(&*data))
    }

    fn parent_is(&self, watchdog: u32) -> bool {
        let parent = fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok().and_then(|stat| {
            // The name in parentheses may hold anything, so fields are counted from its end.
            stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
        });
        let parent = parent.or_else(|| {
            let output =
                Command::new("ps").args(["-o", "ppid=", "-p", &self.pid.to_string()]).output().ok()?;
            String::from_utf8_lossy(&output.stdout).trim().parse().ok()
        });
        parent == Some(watchdog)
    }
}

/// A port that is free now.
pub(super) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Whether `port` can be listened on now.
pub(super) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let grave = |line: &&str| line.contains("FATAL") || line.contains("error");
    let line = text.lines().rev().find(grave).or(text.lines().last());
    format!("{} (see {})", line.unwrap_or("it said nothing").trim(), log.display())
}
