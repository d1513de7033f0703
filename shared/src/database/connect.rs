//! Opening and closing connections: settings, secret, TLS, and the optional connection kept per sandbox.

use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Error, Result, unavailable};
use crate::log::Stats;
use crate::settings::{self, SettingError};
use crate::{error, secrets, tls};

/// How long a connection may take to open. Below every function's timeout, so that the caller gets an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

static SETTINGS: OnceLock<DatabaseSettings> = OnceLock::new();
/// The target is kept for the sandbox's life, because reading a secret costs a call.
static TARGET: Mutex<Option<Arc<Target>>> = Mutex::const_new(None);

struct DatabaseSettings {
    source: Source,
    reuse: bool,
}

enum Source {
    Url(String),
    Secret(String),
}

/// Where to connect, and how.
struct Target {
    config: Config,
    tls: MakeRustlsConnect,
    pool: Option<Pool>,
}

/// An open connection; derefs to the client.
pub struct Connection {
    client: Held,
    /// Whether a transaction was begun and not committed.
    pub(super) in_transaction: AtomicBool,
}

enum Held {
    /// Of this invocation alone; the task speaks the protocol.
    Own(Client, JoinHandle<()>),
    /// Kept by the sandbox (`DATABASE_CONNECTION=reuse`).
    Kept(Object),
}

impl Deref for Connection {
    type Target = Client;

    fn deref(&self) -> &Client {
        match &self.client {
            Held::Own(client, _) => client,
            Held::Kept(object) => object,
        }
    }
}

impl Connection {
    /// Says goodbye and waits until it is sent: the sandbox freezes right after the answer, and a server that did not
    /// hear of it would keep the session. A kept connection goes back without an open transaction.
    pub async fn close(self) {
        let in_transaction = self.in_transaction.into_inner();
        match self.client {
            Held::Own(client, task) => {
                drop(client);
                // A server that is gone may never take the goodbye; the answer does not wait for it for long.
                let _ = tokio::time::timeout(Duration::from_secs(1), task).await;
            }
            Held::Kept(object) => {
                if in_transaction && object.batch_execute("rollback").await.is_err() {
                    drop(Object::take(object));
                }
            }
        }
    }
}

/// Reads `DATABASE_URL` or `DATABASE_SECRET_ARN`, and `DATABASE_CONNECTION`.
pub(super) fn start() -> Result<(), SettingError> {
    let source = match (settings::find("DATABASE_URL"), settings::find("DATABASE_SECRET_ARN")) {
        (Some(url), _) => {
            config_of(&url)?;
            Source::Url(url)
        }
        (None, Some(arn)) => Source::Secret(arn),
        (None, None) => return Err("DATABASE_URL or DATABASE_SECRET_ARN must be set".to_owned()),
    };
    let reuse = match settings::find("DATABASE_CONNECTION").as_deref() {
        None | Some("per_request") => false,
        Some("reuse") => true,
        Some(_) => return Err("DATABASE_CONNECTION must be per_request or reuse".to_owned()),
    };
    SETTINGS.get_or_init(|| DatabaseSettings { source, reuse });
    Ok(())
}

/// A connection, new or kept; its time counts as the database's.
pub(super) async fn open(stats: Arc<Stats>) -> Result<Connection> {
    let started = Instant::now();
    let connection = match tokio::time::timeout(CONNECT_TIMEOUT, open_untimed()).await {
        Ok(opened) => opened,
        Err(_) => Err(unavailable("database unavailable", 1).because("connecting took too long")),
    };
    stats.add_database_time(started.elapsed());
    connection
}

async fn open_untimed() -> Result<Connection> {
    let target = target().await?;
    let opened = connect(&target).await;
    match opened {
        // The password may have been rotated since the secret was read: read it again, once.
        Err(cause) if is_wrong_password(&cause) && is_secret() => {
            *TARGET.lock().await = None;
            connect(&*self::target().await?).await.map_err(unreachable)
        }
        other => other.map_err(unreachable),
    }
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

async fn connect(target: &Target) -> Result<Connection, Cause> {
    let client = if let Some(pool) = &target.pool {
        Held::Kept(pool.get().await?)
    } else {
        // The connection's future speaks the protocol; it ends when the client is dropped and the goodbye is sent.
        let (client, connection) = target.config.connect(target.tls.clone()).await?;
        Held::Own(client, tokio::spawn(async move { drop(connection.await) }))
    };
    Ok(Connection { client, in_transaction: AtomicBool::new(false) })
}

fn unreachable(cause: Cause) -> Error {
    unavailable("database unavailable", 1).because(cause)
}

fn is_wrong_password(cause: &Cause) -> bool {
    use tokio_postgres::error::SqlState;
    let cause = cause.downcast_ref::<tokio_postgres::Error>();
    cause.and_then(tokio_postgres::Error::code) == Some(&SqlState::INVALID_PASSWORD)
}

fn is_secret() -> bool {
    matches!(SETTINGS.get(), Some(DatabaseSettings { source: Source::Secret(_), .. }))
}

async fn target() -> Result<Arc<Target>> {
    let mut kept = TARGET.lock().await;
    if let Some(target) = &*kept {
        return Ok(target.clone());
    }
    let settings = SETTINGS.get().ok_or_else(|| error::internal("the database's settings were not read"))?;
    let (config, authorities) = match &settings.source {
        Source::Url(url) => (config_of(url).map_err(error::internal)?, settings::find("DATABASE_CA_PEM")),
        Source::Secret(arn) => of_secret(&secrets::get(arn).await?)?,
    };
    // One type of connector whether TLS is used or not: the protocol is then compiled once.
    let tls = MakeRustlsConnect::new(match config.get_ssl_mode() {
        SslMode::Disable => tls::unused()?,
        _ => tls::client_config(authorities.as_deref())?,
    });
    let pool = settings.reuse.then(|| pool(&config, &tls)).transpose()?;
    let target = Arc::new(Target { config, tls, pool });
    *kept = Some(target.clone());
    Ok(target)
}

fn config_of(url: &str) -> Result<Config, SettingError> {
    // The message of the parser could repeat the password.
    let mut config: Config = url.parse().map_err(|_| "DATABASE_URL is not a PostgreSQL URL".to_owned())?;
    config.application_name(settings::function_name());
    Ok(config)
}

/// A secret is a URL, or what RDS writes (`username`, `password`, `host`, `port`, `dbname`), with an optional `ca` in
/// PEM, because RDS' certificates are signed by an authority of its own.
fn of_secret(text: &str) -> Result<(Config, Option<String>)> {
    #[derive(Deserialize)]
    struct Secret {
        url: Option<String>,
        username: Option<String>,
        password: Option<String>,
        host: Option<String>,
        port: Option<u16>,
        dbname: Option<String>,
        ca: Option<String>,
    }
    if !text.trim_start().starts_with('{') {
        return Ok((config_of(text.trim()).map_err(error::internal)?, settings::find("DATABASE_CA_PEM")));
    }
    let secret: Secret =
        serde_json::from_str(text).map_err(|_| error::internal("the database secret is not JSON"))?;
    let mut config = match &secret.url {
        Some(url) => config_of(url).map_err(error::internal)?,
        None => {
            let mut config = Config::new();
            config.ssl_mode(SslMode::Require).application_name(settings::function_name());
            config
        }
    };
    secret.username.map(|name| config.user(name));
    secret.password.map(|password| config.password(password));
    secret.host.map(|host| config.host(host));
    secret.port.map(|port| config.port(port));
    secret.dbname.map(|name| config.dbname(name));
    Ok((config, secret.ca.or_else(|| settings::find("DATABASE_CA_PEM"))))
}

/// A pool of one, checked before use.
fn pool(config: &Config, tls: &MakeRustlsConnect) -> Result<Pool> {
    let checked = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    Ok(Pool::builder(Manager::from_config(config.clone(), tls.clone(), checked)).max_size(1).build()?)
}
