//! What an answer tells of limits: `RateLimit-Policy` and `RateLimit`, as the eleventh draft of the IETF has them
//! (<https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-11>).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{Count, Counted, whole_seconds};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LEFT: HeaderName = HeaderName::from_static("ratelimit");

/// The rules that one request took an attempt under.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<Line>>);

/// What both headers have of a rule.
struct Line {
    name: &'static str,
    max: u32,
    window: Duration,
    count: Count,
}

impl Told {
    /// Adds rules with their counts, in the order of their names.
    pub(super) fn add(&self, rules: &[Counted], counts: &[Count]) {
        let lines = rules.iter().zip(counts);
        let lines =
            lines.map(|(&Counted { name, max, window, .. }, &count)| Line { name, max, window, count });
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(lines);
        told.sort_by_key(|line| line.name);
    }

    /// Adds both headers, if any rule is to be told, to those of the whole answer. The draft wants no `t` beyond `Retry-After`;
    /// less is as true, because `r` holds for any part of the time.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = |item: &dyn Fn(&Line) -> String| lines.iter().map(item).collect::<Vec<_>>().join(", ");
        let policies =
            list(&|line| format!("{:?};q={};w={}", line.name, line.max, whole_seconds(line.window)));
        let retry_after =
            headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let left = list(&|line| {
            let (left, wait) = (line.max.saturating_sub(line.count.attempts), whole_seconds(line.count.wait));
            format!("{:?};r={left};t={}", line.name, wait.min(retry_after.unwrap_or(u32::MAX)))
        });
        for (name, text) in [(POLICY, policies), (LEFT, left)] {
            // A name that no header may have is a rule that nobody hears of.
            if let (false, Ok(value)) = (text.is_empty(), HeaderValue::try_from(text)) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &'static str, max: u32, seconds: u64) -> Counted {
        Counted { name, key: name.to_owned(), max, window: Duration::from_secs(seconds) }
    }

    fn count(attempts: u32, millis: u64) -> Count {
        Count { attempts, wait: Duration::from_millis(millis) }
    }

    fn written(told: &Told, retry_after: Option<u32>) -> [Option<String>; 2] {
        let mut headers = HeaderMap::new();
        headers.extend(retry_after.map(|seconds| (header::RETRY_AFTER, seconds.into())));
        told.write(&mut headers);
        [POLICY, LEFT].map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
    }

    #[test]
    fn headers_are_structured_fields_and_tell_nothing_beyond_retry_after() {
        let told = Told::default();
        assert_eq!(written(&told, None), [None, None], "an answer without limits");
        told.add(&[rule("day", 500, 86_400)], &[count(501, 40_000_000)]);
        told.add(&[rule("burst:person", 30, 60)], &[count(18, 29_001)]);
        let [policies, left] = written(&told, None);
        assert_eq!(policies.as_deref(), Some(r#""burst:person";q=30;w=60, "day";q=500;w=86400"#));
        assert_eq!(left.as_deref(), Some(r#""burst:person";r=12;t=30, "day";r=0;t=40000"#));
        let [_, left] = written(&told, Some(7));
        assert_eq!(left.as_deref(), Some(r#""burst:person";r=12;t=7, "day";r=0;t=7"#));
    }
}
