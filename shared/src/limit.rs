//! Limits on attempts: at most so many per address or account in a sliding window.
//!
//! A route asks for [`Limits`] and takes an attempt before it does what is limited. It asks for [`ToldLimits`] instead where the
//! caller is to know how much is left: of what is their own, and never where somebody may be guessing. The backend is a setting:
//! `LIMITS_BACKEND` is `postgres` (the default), `redis` (with `REDIS_URL` or `REDIS_SECRET_ARN`) or `memory` (one
//! process's own count, refused in production). A backend that cannot be reached lets nothing through: 503.

mod memory;
mod postgres;
mod redis;
mod told;

use std::iter;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::auth::User;
use crate::client::Client;
use crate::database::{AccountsDb, Db};
use crate::describe::Operation;
use crate::error::{Error, Result, internal, rate_limited};
use crate::request::{FromRequest, Request};
use crate::settings::{self, Environment, SettingError};

pub(crate) use told::Told;

static BACKEND: OnceLock<Backend> = OnceLock::new();

/// The counts of attempts, as a handler's parameter.
pub struct Limits {
    backend: &'static Backend,
}

/// The counts of attempts, of which the answer tells the caller: `RateLimit-Policy` has the rules and `RateLimit` what is left
/// under each, whatever the answer is (draft-ietf-httpapi-ratelimit-headers-11).
pub struct ToldLimits {
    backend: &'static Backend,
    told: Arc<Told>,
}

/// How many attempts one key has.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What is limited, for example `login:address`; each rule has a name of its own, of visible ASCII characters.
    pub name: &'static str,
    /// Whose attempts count together: `Client::network`, a normalised e-mail, an id. Only its hash is kept.
    pub key: String,
    /// How many attempts are let through in any window; at least 1.
    pub max: u32,
    /// The length of the window.
    pub window: Duration,
}

/// How many times the attempts of one network a site has: the people of a school or a firm, more than one of them and
/// fewer than all of its 65,536 networks.
const SITE: u32 = 16;

impl Rule {
    /// At most `max` attempts of the caller's network in any window, and in IPv6 at most sixteen times as many of the /48
    /// around it, which one person may have to themselves.
    pub fn of_network(name: &'static str, client: &Client, max: u32, window: Duration) -> Vec<Rule> {
        let network = Rule { name, key: client.network(), max, window };
        let site = client.site().map(|key| Rule { name, key, max: max.saturating_mul(SITE), window });
        iter::once(network).chain(site).collect()
    }

    /// At most `max` attempts of the caller's, from wherever they call, in any window.
    pub fn of_person(name: &'static str, user: &User, max: u32, window: Duration) -> Rule {
        Rule { name, key: user.id.to_string(), max, window }
    }
}

enum Backend {
    Postgres,
    Redis(redis::Source),
    Memory,
}

/// A rule as the backends see it.
struct Counted {
    name: &'static str,
    /// SHA-256 of name and key, in hexadecimal digits.
    key: String,
    max: u32,
    window: Duration,
}

/// The rule that stays full for longest, and for how long.
#[derive(Debug, PartialEq, Eq)]
struct Full {
    key: String,
    wait: Duration,
}

/// What became of an attempt.
struct Taken {
    full: Option<Full>,
    /// Of each rule, in their order.
    counts: Vec<Count>,
}

/// How full a rule is, after the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    attempts: u32,
    /// For how long there is room for no more than now: until the oldest attempt leaves the window, or the one that must
    /// leave before there is room at all.
    wait: Duration,
}

impl Limits {
    /// Counts one attempt under every rule, in a transaction of its own, whatever becomes of the request. If any rule
    /// is full, nothing is counted for any, and the answer is 429 with `Retry-After`: the seconds until the oldest
    /// attempt that fills it leaves the window; the log names the rule. Attempts at the same time never get through in
    /// greater number.
    pub async fn take(&self, db: &Db, rules: &[Rule]) -> Result<()> {
        let counted = counted(rules)?;
        let full = match self.backend {
            Backend::Postgres => postgres::take(db, &counted).await?,
            Backend::Redis(source) => Box::pin(redis::take(source, &counted)).await?.full,
            Backend::Memory => memory::take(&counted).full,
        };
        full.map_or(Ok(()), |full| Err(refusal(&full, &counted)))
    }

    /// Forgets every attempt of `key` under the rule `name`: after a success that makes the failures before it
    /// harmless.
    pub async fn forget(&self, db: &AccountsDb, name: &'static str, key: &str) -> Result<()> {
        let key = digest(name, key);
        match self.backend {
            Backend::Postgres => postgres::forget(db, &key).await,
            Backend::Redis(source) => Box::pin(redis::forget(source, &key)).await,
            Backend::Memory => {
                memory::forget(&key);
                Ok(())
            }
        }
    }
}

impl ToldLimits {
    /// As [`Limits::take`]; and the answer tells of each rule, whether it is full or not.
    pub async fn take(&self, db: &Db, rules: &[Rule]) -> Result<()> {
        let counted = counted(rules)?;
        let Taken { full, counts } = match self.backend {
            Backend::Postgres => postgres::take_told(db, &counted).await?,
            Backend::Redis(source) => Box::pin(redis::take(source, &counted)).await?,
            Backend::Memory => memory::take(&counted),
        };
        self.told.add(&counted, &counts);
        full.map_or(Ok(()), |full| Err(refusal(&full, &counted)))
    }
}

/// The rules as the backends take them, in the order of their keys.
fn counted(rules: &[Rule]) -> Result<Vec<Counted>> {
    let mut counted: Vec<Counted> = rules.iter().map(Counted::from).collect();
    // Equal ones then stand side by side.
    counted.sort_by(|one, other| one.key.cmp(&other.key));
    if counted.windows(2).any(|pair| matches!(pair, [one, other] if one.key == other.key)) {
        return Err(internal("two limits of one attempt have the same name and key"));
    }
    Ok(counted)
}

/// 429 with `Retry-After`.
fn refusal(full: &Full, rules: &[Counted]) -> Error {
    let seconds = whole_seconds(full.wait);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let error = rate_limited(format!("too many requests, try again in {seconds} {unit}"), seconds);
    let rule = rules.iter().find(|rule| rule.key == full.key);
    error.by_rule(rule.map_or("limit", |rule| rule.name))
}

impl From<&Rule> for Counted {
    fn from(rule: &Rule) -> Counted {
        let &Rule { name, ref key, max, window } = rule;
        Counted { name, key: digest(name, key), max, window }
    }
}

/// The name ends with a NUL, so that no other name and key read the same.
fn digest(name: &str, key: &str) -> String {
    let digest = Sha256::new().chain_update(name).chain_update([0]).chain_update(key).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whole seconds after which the wait is surely over; at least 1, because 0 would invite to try again at once.
fn whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    u32::try_from(seconds).unwrap_or(u32::MAX).max(1)
}

impl FromRequest for Limits {
    fn start() -> Result<(), SettingError> {
        start()
    }

    async fn from_request(_: &mut Request) -> Result<Limits> {
        Ok(Limits { backend: backend()? })
    }

    fn describe(operation: &mut Operation) {
        operation.error(429, "Too many requests; try again after `Retry-After` seconds");
        operation.error(503, "The limits cannot be counted; try again after `Retry-After` seconds");
    }
}

impl FromRequest for ToldLimits {
    fn start() -> Result<(), SettingError> {
        start()
    }

    async fn from_request(request: &mut Request) -> Result<ToldLimits> {
        Ok(ToldLimits { backend: backend()?, told: Arc::clone(&request.told) })
    }

    fn describe(operation: &mut Operation) {
        Limits::describe(operation);
        operation.tells_limits = true;
    }
}

/// Reads `LIMITS_BACKEND`.
fn start() -> Result<(), SettingError> {
    let backend = match settings::find("LIMITS_BACKEND").as_deref() {
        None | Some("postgres") => Backend::Postgres,
        Some("redis") => Backend::Redis(redis::start()?),
        Some("memory") if Environment::current() == Environment::Production => {
            return Err("LIMITS_BACKEND may be memory only where APP_ENV is development or test".to_owned());
        }
        Some("memory") => Backend::Memory,
        Some(_) => return Err("LIMITS_BACKEND must be postgres, redis or memory".to_owned()),
    };
    BACKEND.get_or_init(|| backend);
    Ok(())
}

fn backend() -> Result<&'static Backend> {
    BACKEND.get().ok_or_else(|| internal("the limits' settings were not read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_and_never_none() {
        let seconds = |millis| whole_seconds(Duration::from_millis(millis));
        assert_eq!([0, 1, 999, 1000, 1001, 41_500].map(seconds), [1, 1, 1, 1, 2, 42]);
        assert_eq!(whole_seconds(Duration::MAX), u32::MAX);
    }

    #[test]
    fn who_has_a_site_to_themselves_has_not_as_many_attempts_as_networks() {
        let minute = Duration::from_secs(60);
        let taken = (0..65_536_u32).filter(|n| {
            let ip = format!("2001:db8:1:{n:x}::1").parse().unwrap();
            let rules = Rule::of_network(
                "site-test",
                &Client { ip, user_agent: None, locale: "en".to_owned() },
                10,
                minute,
            );
            memory::take(&counted(&rules).unwrap()).full.is_none()
        });
        assert_eq!(taken.count(), 160);
        let home = Client { ip: "203.0.113.9".parse().unwrap(), user_agent: None, locale: "en".to_owned() };
        assert_eq!(Rule::of_network("site-test", &home, 10, minute).len(), 1);
    }

    #[test]
    fn a_name_and_a_key_do_not_run_together() {
        assert_ne!(digest("login", ":a"), digest("login:", "a"));
        assert_eq!(digest("login", "a").len(), 64);
    }
}
