//! Attempts in the process's memory: each sandbox counts for itself, so this is for development.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Counted, Full};

static ATTEMPTS: LazyLock<Mutex<HashMap<String, Attempts>>> = LazyLock::new(Mutex::default);

struct Attempts {
    /// Oldest first.
    hits: Vec<Instant>,
    expires_at: Instant,
}

/// Counts the attempt, or says which rule stays full for longest.
pub(super) fn take(rules: &[Counted]) -> Option<Full> {
    take_at(&mut attempts(), rules, Instant::now())
}

fn take_at(attempts: &mut HashMap<String, Attempts>, rules: &[Counted], now: Instant) -> Option<Full> {
    attempts.retain(|_, attempts| attempts.expires_at > now);
    let full = rules.iter().filter_map(|rule| wait(attempts, rule, now).map(|wait| (wait, &rule.key))).max();
    if full.is_none() {
        for rule in rules {
            let expires_at = now + rule.window;
            let counted = attempts.entry(rule.key.clone());
            let counted = counted.or_insert_with(|| Attempts { hits: Vec::new(), expires_at });
            counted.hits.push(now);
            counted.expires_at = expires_at;
        }
    }
    full.map(|(wait, key)| Full { key: key.clone(), wait })
}

/// Forgets the attempts of a key.
pub(super) fn forget(key: &str) {
    attempts().remove(key);
}

/// How long the rule stays full, if it is. Drops what left the window.
fn wait(attempts: &mut HashMap<String, Attempts>, rule: &Counted, now: Instant) -> Option<Duration> {
    let hits = match attempts.get_mut(&rule.key) {
        Some(attempts) => &mut attempts.hits,
        None => &mut Vec::new(),
    };
    hits.retain(|hit| now.duration_since(*hit) < rule.window);
    let max = usize::try_from(rule.max).unwrap_or(usize::MAX);
    let excess = hits.len().checked_sub(max)?;
    let leaving = hits.get(excess).copied().unwrap_or(now);
    Some(rule.window.saturating_sub(now.duration_since(leaving)))
}

fn attempts() -> MutexGuard<'static, HashMap<String, Attempts>> {
    ATTEMPTS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_slides() {
        let (mut attempts, start) = (HashMap::new(), Instant::now());
        let rules = [Counted { key: "a".to_owned(), max: 2, window: Duration::from_secs(60) }];
        let mut take = |seconds| {
            let full = take_at(&mut attempts, &rules, start + Duration::from_secs(seconds));
            full.map(|full| full.wait)
        };
        assert_eq!([take(0), take(10)], [None, None]);
        assert_eq!([take(20), take(59)], [40, 1].map(|seconds| Some(Duration::from_secs(seconds))));
        assert_eq!(take(60), None, "an attempt as old as the window does not count");
        assert_eq!(take(61), Some(Duration::from_secs(9)));
        assert_eq!(take(1000), None);
        assert_eq!(attempts.len(), 1);
    }
}
