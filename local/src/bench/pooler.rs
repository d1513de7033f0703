//! A pooler in transaction mode before the server, if PgBouncer is installed. <https://www.pgbouncer.org/config.html>

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tokio::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};
use tokio_postgres::Config;

use super::database::Database;

/// Connections that it keeps to the server; fewer than clients, or it would not be one.
const POOL: usize = 8;

/// A running pooler. It ends when this is dropped.
pub(super) struct Pooler {
    /// Where it listens.
    pub(super) address: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl Pooler {
    /// Starts it before `database`; `None` where it is not installed.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) async fn start(database: &Database, server: SocketAddr) -> Result<Option<Self>> {
        let Some(program) = find() else { return Ok(None) };
        let config: Config = database.url.parse()?;
        let user = config.get_user().context("no user")?;
        // It checks clients by what the server has, and signs in with the keys that a client's own sign-in shows it.
        let secret = "select rolpassword from pg_authid where rolname = $1";
        let secret: String = database.superuser().await?.query_one(secret, &[&user]).await?.try_get(0)?;

        let folder = std::env::temp_dir().join(format!("praxis-bench-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder)?;
        let users = folder.join("users");
        std::fs::write(&users, format!("\"{user}\" \"{secret}\"\n"))?;
        // Free now; nobody else on this machine asks for one in between.
        let address = TcpListener::bind(("127.0.0.1", 0)).await?.local_addr()?;
        let settings = folder.join("settings.ini");
        std::fs::write(
            &settings,
            format!(
                "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = {}\nlisten_port = {}\n\
                 unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
                 max_client_conn = 600\ndefault_pool_size = {POOL}\nlog_connections = 0\nlog_disconnections = 0\n",
                server.ip(),
                server.port(),
                address.ip(),
                address.port(),
                users.display()
            ),
        )?;
        let mut command = Command::new(program);
        // It refuses to be root.
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "nobody"]);
        }
        command.arg("-q").arg(&settings).kill_on_drop(true);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut pooler = Self { address, child, folder };
        pooler.wait().await?;
        Ok(Some(pooler))
    }

    /// Its process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    async fn wait(&mut self) -> Result<()> {
        for _ in 0..500 {
            if TcpStream::connect(self.address).await.is_ok() {
                return Ok(());
            }
            if let Some(ended) = self.child.try_wait()? {
                bail!("PgBouncer ended: {ended}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("PgBouncer does not listen")
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Distributions put it where only administrators look.
fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}
