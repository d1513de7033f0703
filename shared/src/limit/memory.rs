//! Attempts in the process's memory: each sandbox counts for itself, so this is for development.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Count, Counted, Full, Taken};

static ATTEMPTS: LazyLock<Mutex<HashMap<String, Attempts>>> = LazyLock::new(Mutex::default);

struct Attempts {
    /// Oldest first.
    hits: Vec<Instant>,
    expires_at: Instant,
}

/// Counts the attempt, or says which rule stays full for longest.
pub(super) fn take(rules: &[Counted]) -> Taken {
    take_at(&mut attempts(), rules, Instant::now())
}

fn take_at(attempts: &mut HashMap<String, Attempts>, rules: &[Counted], now: Instant) -> Taken {
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
    let counts = rules.iter().map(|rule| {
        let hits = attempts.get(&rule.key).map_or(&[][..], |attempts| &attempts.hits);
        let oldest = hits.first().copied().unwrap_or(now);
        let leaves = rule.window.saturating_sub(now.duration_since(oldest));
        let wait = full.and_then(|_| wait_of(hits, rule, now)).unwrap_or(leaves);
        Count { attempts: u32::try_from(hits.len()).unwrap_or(u32::MAX), wait }
    });
    let counts = counts.collect();
    Taken { full: full.map(|(wait, key)| Full { key: key.clone(), wait }), counts }
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
    wait_of(hits, rule, now)
}

/// The same of attempts that are all in the window.
fn wait_of(hits: &[Instant], rule: &Counted, now: Instant) -> Option<Duration> {
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
        let rules = [Counted { name: "a", key: "a".to_owned(), max: 2, window: Duration::from_secs(60) }];
        let mut take = |seconds| {
            let taken = take_at(&mut attempts, &rules, start + Duration::from_secs(seconds));
            taken.full.map(|full| full.wait)
        };
        assert_eq!([take(0), take(10)], [None, None]);
        assert_eq!([take(20), take(59)], [40, 1].map(|seconds| Some(Duration::from_secs(seconds))));
        assert_eq!(take(60), None, "an attempt as old as the window does not count");
        assert_eq!(take(61), Some(Duration::from_secs(9)));
        assert_eq!(take(1000), None);
        assert_eq!(attempts.len(), 1);
    }

    #[test]
    fn what_is_told_is_what_was_counted() {
        let (mut attempts, start) = (HashMap::new(), Instant::now());
        let rule = |name, max| Counted { name, key: name.to_owned(), max, window: Duration::from_secs(60) };
        let mut take = |seconds, rules: &[Counted]| {
            let counts = take_at(&mut attempts, rules, start + Duration::from_secs(seconds)).counts;
            counts.iter().map(|count| (count.attempts, count.wait.as_secs())).collect::<Vec<_>>()
        };
        assert_eq!(take(0, &[rule("a", 3)]), [(1, 60)]);
        assert_eq!(take(10, &[rule("a", 3), rule("b", 3)]), [(2, 50), (1, 60)]);
        assert_eq!(take(20, &[rule("a", 3)]), [(3, 40)], "the last one that gets through");
        assert_eq!(take(30, &[rule("a", 3), rule("b", 3), rule("c", 3)]), [(3, 30), (1, 40), (0, 60)]);
        assert_eq!(take(30, &[rule("a", 1)]), [(3, 50)], "with fewer allowed all but one must leave");
    }
}
