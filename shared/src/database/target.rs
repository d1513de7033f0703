//! Where to connect, and how: the settings, the secret, and whose certificates are believed.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::login::{Login, LoginSecret};
use crate::error::{Result, internal};
use crate::settings::{self, Environment, SettingError};
use crate::{secrets, tls};

/// Those of the program's login: the one that may most, of those that its parameters asked for.
static SETTINGS: StdMutex<Option<(Login, Arc<Settings>)>> = StdMutex::new(None);
/// Kept for the sandbox's life, because reading a secret costs a call.
static TARGET: Mutex<Option<Arc<Target>>> = Mutex::const_new(None);
/// When the secret was last read again.
static REREAD: Mutex<Option<Instant>> = Mutex::const_new(None);
/// How long a password that is wrong everywhere is not asked for again.
const PAUSE: Duration = Duration::from_secs(1);

struct Settings {
    source: Source,
    keeping: Keeping,
    /// In PEM, beside the public ones.
    authorities: Option<String>,
    /// What a secret does not say.
    place: Place,
}

/// `DATABASE_CONNECTION`.
#[derive(Clone, Copy, PartialEq)]
enum Keeping {
    /// A connection of the server's for each invocation.
    PerRequest,
    /// A connection of a pooler's for each invocation.
    Pooler,
    /// One for all invocations of a sandbox.
    Reuse,
}

enum Source {
    Url(String),
    Secret(String),
}

/// Where a database is, for secrets that hold a name and a password alone.
#[derive(Default)]
struct Place {
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
}

/// Where to connect, and how.
pub(super) struct Target {
    pub config: Config,
    pub tls: MakeRustlsConnect,
    pub pool: Option<Pool>,
}

/// Reads the settings that begin with `DATABASE_`, for a program that connects as `login`. One whose parameters ask for
/// several connects as the one that may most.
pub(super) fn start(login: Login) -> Result<(), SettingError> {
    let mut settings = SETTINGS.lock().unwrap_or_else(PoisonError::into_inner);
    if settings.as_ref().is_none_or(|(before, _)| *before < login) {
        *settings = Some((login, Arc::new(read_settings(login)?)));
    }
    Ok(())
}

/// Where a login's name and password are. One without a setting of its own is the one that everybody has, which is for
/// databases of a developer's own and refused in production.
fn source(login: Login) -> Result<Source, SettingError> {
    let missing = |prefix: &str| format!("{prefix}_URL or {prefix}_SECRET_ARN must be set");
    if let Some(own) = own_source(login) {
        return own;
    }
    if Environment::current() == Environment::Production {
        return Err(missing(match login {
            Login::Requests => "DATABASE",
            Login::Accounts => "DATABASE_ACCOUNTS",
            Login::Jobs => "DATABASE_JOBS",
            Login::Owner => "DATABASE_OWNER",
        }));
    }
    own_source(Login::Requests).unwrap_or_else(|| Err(missing("DATABASE")))
}

fn own_source(login: Login) -> Option<Result<Source, SettingError>> {
    let (name, url, secret) = match login {
        Login::Requests => {
            ("DATABASE_URL", settings::find("DATABASE_URL"), settings::find("DATABASE_SECRET_ARN"))
        }
        Login::Accounts => (
            "DATABASE_ACCOUNTS_URL",
            settings::find("DATABASE_ACCOUNTS_URL"),
            settings::find("DATABASE_ACCOUNTS_SECRET_ARN"),
        ),
        Login::Jobs => (
            "DATABASE_JOBS_URL",
            settings::find("DATABASE_JOBS_URL"),
            settings::find("DATABASE_JOBS_SECRET_ARN"),
        ),
        Login::Owner => (
            "DATABASE_OWNER_URL",
            settings::find("DATABASE_OWNER_URL"),
            settings::find("DATABASE_OWNER_SECRET_ARN"),
        ),
    };
    match (url, secret) {
        (Some(url), _) => {
            let config = config_of(&url).and_then(|config| encrypted(config, name, Environment::current()));
            Some(config.map(|_| Source::Url(url)))
        }
        (None, Some(arn)) => Some(Ok(Source::Secret(arn))),
        (None, None) => None,
    }
}

fn read_settings(login: Login) -> Result<Settings, SettingError> {
    let source = source(login)?;
    let keeping = match settings::find("DATABASE_CONNECTION").as_deref() {
        None | Some("per_request") => Keeping::PerRequest,
        Some("pooler") => Keeping::Pooler,
        Some("reuse") => Keeping::Reuse,
        Some(_) => return Err("DATABASE_CONNECTION must be per_request, pooler or reuse".to_owned()),
    };
    let authorities = match settings::find("DATABASE_CA_FILE") {
        None => settings::find("DATABASE_CA_PEM"),
        Some(file) => {
            let text = std::fs::read_to_string(file);
            Some(text.map_err(|error| format!("DATABASE_CA_FILE cannot be read: {error}"))?)
        }
    };
    let port = settings::find("DATABASE_PORT").map(|port| port.parse()).transpose();
    let place = Place {
        host: settings::find("DATABASE_HOST"),
        port: port.map_err(|_| "DATABASE_PORT must be a port")?,
        database: settings::find("DATABASE_NAME"),
    };
    Ok(Settings { source, keeping, authorities, place })
}

/// Name and password of a login that has a setting of its own.
pub(super) async fn login_secret(login: Login) -> Result<Option<LoginSecret>> {
    let Some(source) = own_source(login) else { return Ok(None) };
    let text = match source.map_err(internal)? {
        Source::Url(url) => url,
        Source::Secret(arn) => match secrets::pending(&arn).await {
            Ok(pending) => pending,
            // Most of the time there is none.
            Err(_) => secrets::fresh(&arn).await?,
        },
    };
    let role = role_of(&text);
    let place = &settings()?.place;
    let (config, _) = read(&text, place)?;
    let missing = |what| internal(format!("the secret of the login {login:?} has no {what}"));
    let role = match role {
        Some(role) => role,
        None => config.get_user().ok_or_else(|| missing("username"))?.to_owned(),
    };
    let password = config.get_password().ok_or_else(|| missing("password"))?;
    let password = String::from_utf8(password.to_vec()).map_err(|_| missing("password in UTF-8"))?;
    Ok(Some(LoginSecret { role, password }))
}

/// The role's name, of a secret whose `username` is another: that of a pooler.
fn role_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        role: Option<String>,
    }
    serde_json::from_str::<Named>(text).ok()?.role
}

/// Whether connections are a pooler's.
pub(super) fn is_pooler() -> bool {
    settings().is_ok_and(|settings| settings.keeping == Keeping::Pooler)
}

/// The target of this sandbox.
pub(super) async fn get() -> Result<Arc<Target>> {
    let mut kept = TARGET.lock().await;
    if let Some(target) = &*kept {
        return Ok(target.clone());
    }
    let settings = settings()?;
    let target = match &settings.source {
        Source::Url(url) => {
            let config = encrypted(config_of(url).map_err(internal)?, "DATABASE_URL", Environment::current());
            Target::new(&settings, config.map_err(internal)?, settings.authorities.as_deref())?
        }
        Source::Secret(arn) => Target::of_secret(&settings, &secrets::get(arn).await?)?,
    };
    let target = Arc::new(target);
    *kept = Some(target.clone());
    Ok(target)
}

/// The targets to try, in this order, after the password of `refused` was: it may have been rotated since the secret was
/// read. And a rotation changes it in the database first, moments before the secret's new version becomes the current
/// one: until then it is that of the version being prepared.
pub(super) async fn instead_of(refused: &Target) -> Result<Vec<Arc<Target>>> {
    let settings = settings()?;
    let Source::Secret(arn) = &settings.source else { return Ok(Vec::new()) };
    let before = REREAD.lock().await.replace(Instant::now());
    if before.is_some_and(|before| before.elapsed() < PAUSE) {
        return Ok(Vec::new());
    }
    let mut targets = vec![Target::of_secret(&settings, &secrets::fresh(arn).await?)?];
    // Most secrets have none, and then the first one is all there is to try.
    if let Ok(pending) = secrets::pending(arn).await {
        targets.push(Target::of_secret(&settings, &pending)?);
    }
    targets.retain(|target| target.config != refused.config);
    targets.dedup_by(|one, other| one.config == other.config);
    Ok(targets.into_iter().map(Arc::new).collect())
}

/// Makes `target` that of this sandbox.
pub(super) async fn keep(target: Arc<Target>) {
    *TARGET.lock().await = Some(target);
    *REREAD.lock().await = None;
}

fn settings() -> Result<Arc<Settings>> {
    let settings = SETTINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = settings.as_ref().map(|(_, settings)| settings.clone());
    settings.ok_or_else(|| internal("the database's settings were not read"))
}

impl Target {
    fn new(settings: &Settings, config: Config, authorities: Option<&str>) -> Result<Target> {
        // One type of connector whether TLS is used or not: the protocol is then compiled once.
        let tls = MakeRustlsConnect::new(match config.get_ssl_mode() {
            SslMode::Disable => tls::unused()?,
            _ => tls::client_config(authorities)?,
        });
        let pool = (settings.keeping == Keeping::Reuse).then(|| pool(&config, &tls)).transpose()?;
        Ok(Target { config, tls, pool })
    }

    fn of_secret(settings: &Settings, text: &str) -> Result<Target> {
        let (config, authorities) = read(text, &settings.place)?;
        let config = encrypted(config, "the database secret", Environment::current()).map_err(internal)?;
        Target::new(settings, config, authorities.as_deref().or(settings.authorities.as_deref()))
    }
}

fn config_of(url: &str) -> Result<Config, SettingError> {
    // The message of the parser could repeat the password.
    let mut config: Config = url.parse().map_err(|_| "DATABASE_URL is not a PostgreSQL URL".to_owned())?;
    config.application_name(settings::function_name());
    Ok(config)
}

/// In production the connection is encrypted. Where nothing is said, or `prefer`, which whoever sits between can strip, TLS
/// is required; `disable` fails, except to this machine: there nobody sits between.
fn encrypted(mut config: Config, source: &str, environment: Environment) -> Result<Config, SettingError> {
    if environment != Environment::Production {
        return Ok(config);
    }
    match config.get_ssl_mode() {
        SslMode::Disable if config.get_hosts().iter().all(is_loopback) => Ok(config),
        SslMode::Disable => Err(format!(
            "{source} must not say sslmode=disable in production: passwords and rows would go in the clear"
        )),
        _ => {
            config.ssl_mode(SslMode::Require);
            Ok(config)
        }
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// A secret is a URL, or JSON: with a member `url`, or what RDS writes (`username`, `password`, and unless RDS manages
/// the secret `host`, `port`, `dbname`). JSON may also have a `ca` in PEM. What it lacks, `place` says.
fn read(text: &str, place: &Place) -> Result<(Config, Option<String>)> {
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
        return Ok((config_of(text.trim()).map_err(internal)?, None));
    }
    let secret: Secret =
        serde_json::from_str(text).map_err(|_| internal("the database secret is not JSON"))?;
    let mut config = match &secret.url {
        Some(url) => config_of(url).map_err(internal)?,
        None => {
            let mut config = Config::new();
            config.ssl_mode(SslMode::Require).application_name(settings::function_name());
            let host = secret.host.as_ref().or(place.host.as_ref());
            config.host(
                host.ok_or_else(|| internal("the database secret names no host: DATABASE_HOST must be set"))?,
            );
            let database = secret.dbname.as_ref().or(place.database.as_ref());
            config.dbname(database.ok_or_else(|| {
                internal("the database secret names no database: DATABASE_NAME must be set")
            })?);
            secret.port.or(place.port).map(|port| config.port(port));
            config
        }
    };
    secret.username.map(|name| config.user(name));
    secret.password.map(|password| config.password(password));
    Ok((config, secret.ca))
}

/// A pool of one, checked before use.
fn pool(config: &Config, tls: &MakeRustlsConnect) -> Result<Pool> {
    let checked = ManagerConfig { recycling_method: RecyclingMethod::Verified };
    Ok(Pool::builder(Manager::from_config(config.clone(), tls.clone(), checked)).max_size(1).build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { host: Some("db.internal".to_owned()), port: Some(6432), database: Some("praxis".to_owned()) }
    }

    fn cause(text: &str, place: &Place) -> String {
        read(text, place).expect_err("an error").cause().unwrap_or_default()
    }

    #[test]
    fn a_secret_that_rds_manages_is_completed() {
        let text = r#"{"username":"postgres","password":"p"}"#;
        let (config, ca) = read(text, &place()).expect("a target");
        assert_eq!(config.get_hosts(), [Host::Tcp("db.internal".to_owned())]);
        assert_eq!((config.get_ports(), config.get_dbname()), (&[6432][..], Some("praxis")));
        assert_eq!((config.get_user(), config.get_password()), (Some("postgres"), Some(&b"p"[..])));
        assert_eq!((config.get_ssl_mode(), ca), (SslMode::Require, None));

        let without = Place { host: None, ..place() };
        assert_eq!(cause(text, &without), "the database secret names no host: DATABASE_HOST must be set");
        let without = Place { database: None, ..place() };
        assert!(cause(text, &without).ends_with("DATABASE_NAME must be set"));
    }

    #[test]
    fn what_a_secret_says_itself_counts() {
        let text = r#"{"username":"u","password":"p","host":"rds","port":5433,"dbname":"app","ca":"PEM",
                       "engine":"postgres"}"#;
        let (config, ca) = read(text, &place()).expect("a target");
        assert_eq!(config.get_hosts(), [Host::Tcp("rds".to_owned())]);
        assert_eq!((config.get_ports(), config.get_dbname()), (&[5433][..], Some("app")));
        assert_eq!(ca.as_deref(), Some("PEM"));

        for text in [" postgres://u:p@rds/app\n", r#"{"url":"postgres://u:p@rds/app"}"#] {
            let (config, _) = read(text, &place()).expect("a target");
            assert_eq!(config.get_hosts(), [Host::Tcp("rds".to_owned())]);
            assert_eq!(config.get_dbname(), Some("app"));
        }
    }

    #[test]
    fn in_production_a_connection_is_encrypted_or_stays_on_this_machine() {
        let mode = |url: &str, environment| {
            encrypted(config_of(url).unwrap(), "DATABASE_URL", environment)
                .map(|config| config.get_ssl_mode())
        };
        for (url, wanted) in [
            ("postgres://u:hunter2@db.example.org/d", SslMode::Require),
            ("postgres://u:hunter2@127.0.0.1/d", SslMode::Require),
            ("postgres://u:hunter2@db.example.org/d?sslmode=prefer", SslMode::Require),
            ("postgres://u:hunter2@db.example.org/d?sslmode=require", SslMode::Require),
            ("postgres://u:hunter2@127.0.0.1/d?sslmode=disable", SslMode::Disable),
            ("host=/var/run/postgresql user=u sslmode=disable", SslMode::Disable),
        ] {
            assert_eq!(mode(url, Environment::Production), Ok(wanted), "{url}");
        }
        for host in ["db.example.org", "10.0.0.5", "127.0.0.1,db.example.org"] {
            let url = format!("postgres://u:hunter2@{host}/d?sslmode=disable");
            let refused = mode(&url, Environment::Production).unwrap_err();
            assert!(refused.starts_with("DATABASE_URL must not say sslmode=disable"), "{refused}");
            assert!(!refused.contains("hunter2"), "{refused}");
            assert_eq!(mode(&url, Environment::Development), Ok(SslMode::Disable));
        }
        assert_eq!(mode("postgres://u@h/d", Environment::Test), Ok(SslMode::Prefer));
    }

    #[test]
    fn what_is_wrong_with_a_secret_repeats_nothing_of_it() {
        for text in ["{hunter2", "mysql://u:hunter2@h/d", r#"{"url":"hunter2"}"#] {
            let cause = cause(text, &place());
            assert!(!cause.is_empty() && !cause.contains("hunter2"), "{cause}");
        }
    }
}
