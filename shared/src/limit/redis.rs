//! Attempts in one Redis or Valkey server (5 or newer, not a cluster): a list of moments per key, counted by one script
//! with the server's clock. A connection for each count, like the database's: a sandbox that was frozen has none that
//! died meanwhile.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError,
};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Count, Counted, Full, Taken};
use crate::error::{Error, Result, internal, unavailable};
use crate::settings::{self, Environment, SettingError};
use crate::{secrets, tls};

/// How long a connection may take to open, and then an answer to come.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Microseconds are exact in Lua's numbers, and `%.0f` writes every digit of them. The answer is the wait and
/// the place of the rule that it is for, 0 for an attempt that was counted; then the attempts of each rule and for how long
/// there is room for no more.
const TAKE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait, full, counts, waits = 0, 1, {}, {}
for i, key in ipairs(KEYS) do
    local max, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local oldest = redis.call('LINDEX', key, 0)
    while oldest and tonumber(oldest) <= now - window do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
    end
    local count = redis.call('LLEN', key)
    local leaving = redis.call('LINDEX', key, math.max(count - max, 0)) or now
    counts[i], waits[i] = count, tonumber(leaving) + window - now
    if count >= max and waits[i] > wait then wait, full = waits[i], i end
end
local answer = {wait, full}
for i, key in ipairs(KEYS) do
    if wait == 0 then
        redis.call('RPUSH', key, string.format('%.0f', now))
        redis.call('PEXPIRE', key, string.format('%.0f', math.ceil(ARGV[2 * i] / 1000)))
        counts[i] = counts[i] + 1
    end
    answer[2 * i + 1], answer[2 * i + 2] = counts[i], waits[i]
end
return answer
";

/// Where the server's URL stands.
pub(super) enum Source {
    Url(String),
    Secret(String),
}

/// A server, and who signs in to it.
struct Server {
    host: String,
    port: u16,
    uses_tls: bool,
    sign_in: RedisConnectionInfo,
}

/// Reads `REDIS_URL` or `REDIS_SECRET_ARN`.
pub(super) fn start() -> Result<Source, SettingError> {
    match (settings::find("REDIS_URL"), settings::find("REDIS_SECRET_ARN")) {
        (Some(url), _) => {
            Server::parse(&url).ok_or("REDIS_URL is not a redis:// or rediss:// URL")?;
            Ok(Source::Url(url))
        }
        (None, Some(arn)) => Ok(Source::Secret(arn)),
        (None, None) => Err("LIMITS_BACKEND is redis: REDIS_URL or REDIS_SECRET_ARN must be set".to_owned()),
    }
}

/// Counts the attempt, or says which rule stays full for longest.
pub(super) async fn take(source: &Source, rules: &[Counted]) -> Result<Taken> {
    let mut command = redis::cmd("EVAL");
    command.arg(TAKE).arg(rules.len());
    for rule in rules {
        command.arg(name(&rule.key));
    }
    for rule in rules {
        let window = u64::try_from(rule.window.as_micros())?;
        command.arg(rule.max).arg(window);
    }
    let answer: Vec<u64> = run(source, &command).await?;
    let (&[wait, place], counts) =
        answer.split_first_chunk().ok_or_else(|| internal("Redis said nothing"))?;
    let rule = rules.get(usize::try_from(place)?.saturating_sub(1));
    let key = rule.map(|rule| rule.key.clone()).unwrap_or_default();
    let full = (wait > 0).then(|| Full { key, wait: Duration::from_micros(wait) });
    let (counts, _) = counts.as_chunks();
    let counts = counts.iter().map(|&[attempts, wait]| Count {
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        wait: Duration::from_micros(wait),
    });
    Ok(Taken { full, counts: counts.collect() })
}

/// Forgets the attempts of a key.
pub(super) async fn forget(source: &Source, key: &str) -> Result<()> {
    let mut command = redis::cmd("DEL");
    command.arg(name(key));
    run(source, &command).await
}

fn name(key: &str) -> String {
    format!("praxis:limit:{key}")
}

/// Runs one command on a connection of its own. Whatever goes wrong is a 503: what cannot be counted is not let
/// through.
async fn run<T: FromRedisValue>(source: &Source, command: &Cmd) -> Result<T> {
    match source {
        Source::Url(url) => run_at(url, command).await,
        Source::Secret(arn) => match run_at(secrets::get(arn).await?.trim(), command).await {
            // The password may have been rotated since the secret was read.
            Err(error) if is_refused(&error) => run_at(secrets::fresh(arn).await?.trim(), command).await,
            outcome => outcome,
        },
    }
}

async fn run_at<T: FromRedisValue>(url: &str, command: &Cmd) -> Result<T> {
    let server = Server::parse(url);
    let server = server.ok_or_else(|| internal("the Redis secret is not a redis:// or rediss:// URL"))?;
    // `REDIS_URL` does not come so far: it fails the start.
    if !server.uses_tls && Environment::current() == Environment::Production {
        return Err(internal("the Redis secret must be a rediss:// URL in production"));
    }
    let (mut connection, driver) = match tokio::time::timeout(TIMEOUT, server.connect()).await {
        Ok(connected) => connected.map_err(unreachable)?,
        Err(_) => return Err(unreachable(io::Error::from(io::ErrorKind::TimedOut).into())),
    };
    tokio::select! {
        biased;
        answer = command.query_async(&mut connection) => answer.map_err(unreachable),
        () = driver => Err(unreachable(io::Error::from(io::ErrorKind::UnexpectedEof).into())),
    }
}

/// Whether the server did not take the password.
fn is_refused(error: &Error) -> bool {
    error.cause_as::<RedisError>().is_some_and(|cause| cause.kind() == ErrorKind::AuthenticationFailed)
}

fn unreachable(cause: RedisError) -> Error {
    unavailable("the limits cannot be counted", 1).because(cause)
}

impl Server {
    fn parse(url: &str) -> Option<Server> {
        let (uses_tls, address) = match url.split_once("://")? {
            ("redis", address) => (false, address),
            ("rediss", address) => (true, address),
            _ => return None,
        };
        // The crate takes `rediss` only with a TLS set-up of its own.
        let info = format!("redis://{address}").into_connection_info().ok()?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return None };
        let sign_in = info.redis_settings().clone().set_skip_set_lib_name();
        Some(Server { host: host.clone(), port: *port, uses_tls, sign_in })
    }

    /// An open connection and the future that speaks the protocol, which closes it when dropped.
    async fn connect(&self) -> Result<(MultiplexedConnection, Driver), RedisError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        if !self.uses_tls {
            return self.sign_in(stream).await;
        }
        let config =
            tls::client_config(None).map_err(|error| io::Error::other(error.cause().unwrap_or_default()))?;
        let host = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        self.sign_in(TlsConnector::from(Arc::new(config)).connect(host, stream).await?).await
    }

    async fn sign_in<S>(&self, stream: S) -> Result<(MultiplexedConnection, Driver), RedisError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT));
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&self.sign_in, stream, config).await?;
        Ok((connection, Box::pin(driver)))
    }
}

type Driver = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_whether_tls_is_used() {
        let plain = Server::parse("redis://:word@cache.example:7000/2").unwrap();
        assert_eq!((plain.host.as_str(), plain.port, plain.uses_tls), ("cache.example", 7000, false));
        assert_eq!((plain.sign_in.password(), plain.sign_in.db()), (Some("word"), 2));
        let secure = Server::parse("rediss://cache.example").unwrap();
        assert_eq!((secure.port, secure.uses_tls), (6379, true));
        for url in ["", "cache.example", "http://cache.example", "redis+unix:///tmp/socket", "redis://"] {
            assert!(Server::parse(url).is_none(), "{url}");
        }
    }
}
