//! Circuit breakers: whether a provider is asked, or left alone for a while because it failed too often.

use shared::prelude::*;
use shared::settings;

text_enum! {
    /// Whether a provider is asked.
    pub enum BreakerState {
        /// It is asked.
        Closed = "closed",
        /// It is left alone.
        Open = "open",
        /// The next call sees whether it is back.
        HalfOpen = "half_open",
    }
}

/// A breaker.
#[row]
pub struct Breaker {
    /// Whose it is: a provider's host, or `postgres`.
    pub name: String,
    /// Whether it is asked.
    pub state: BreakerState,
    /// How often it failed in a row before it was left alone.
    pub failure_count: i32,
    /// When it failed last.
    pub last_failure_at: Option<Time>,
    /// After how many seconds it is tried again, while it is left alone.
    pub time_to_recovery: Option<i32>,
}

/// The breaker of a path.
#[input]
pub struct BreakerPath {
    /// The breaker's name.
    pub name: Text<1, 255>,
}

/// That it is asked again.
#[answer]
pub struct Reset {
    /// So in a sentence.
    pub message: String,
}

/// All breakers by name: those that ever failed, the provider of the settings, and the database, which answers whenever this
/// can be read.
pub async fn list(tx: &Tx) -> Result<Vec<Breaker>> {
    let mut breakers: Vec<Breaker> = tx
        .list(
            "select name, failures as failure_count, last_failure_at,
                    case when opened_at is null then 'closed'
                         when opened_at + recovery_seconds * interval '1 second' <= clock_timestamp() then 'half_open'
                         else 'open' end as state,
                    case when opened_at + recovery_seconds * interval '1 second' > clock_timestamp()
                         then ceil(extract(epoch from opened_at + recovery_seconds * interval '1 second' - clock_timestamp()))::integer
                         end as time_to_recovery
             from platform.circuit_breakers",
            &[],
        )
        .await?;
    for name in [provider().as_deref(), Some(POSTGRES)].into_iter().flatten() {
        if !breakers.iter().any(|breaker| breaker.name == name) {
            breakers.push(Breaker {
                name: name.to_owned(),
                state: BreakerState::Closed,
                failure_count: 0,
                last_failure_at: None,
                time_to_recovery: None,
            });
        }
    }
    breakers.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(breakers)
}

/// The database's, which is no row: it could not be read when it counts.
const POSTGRES: &str = "postgres";

/// The host that models are asked at.
fn provider() -> Option<String> {
    let address: http::Uri = settings::find("OPENAI_BASE_URL")?.parse().ok()?;
    address.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default().to_owned())
}

/// Lets the provider be asked again at once. 404 for a name that is no breaker's.
pub async fn reset(tx: &Tx, name: &str) -> Result<Reset> {
    #[derive(FromRow)]
    struct Found {
        is_there: bool,
    }
    let sql = "select platform.reset_breaker($1) as is_there";
    let Found { is_there } = tx.one(sql, &[&name]).await?;
    if !is_there && name != POSTGRES && provider().is_none_or(|known| known != name) {
        return Err(not_found("circuit breaker not found"));
    }
    Ok(Reset { message: format!("Circuit breaker '{name}' reset to CLOSED") })
}
