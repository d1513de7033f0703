//! Token buckets for the rate limits of the template's `MethodSettings`.

use std::{sync::Mutex, time::Instant};

use http::Method;

use crate::{lambda::lock, template::MethodSetting};

#[derive(Debug)]
pub(super) struct Throttle {
    buckets: Vec<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    setting: MethodSetting,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Option<Instant>,
}

impl Throttle {
    pub(super) fn new(settings: &[MethodSetting]) -> Self {
        let bucket = |setting: &MethodSetting| Bucket {
            setting: setting.clone(),
            level: Mutex::new(Level { tokens: setting.burst, at: None }),
        };
        Self { buckets: settings.iter().map(bucket).collect() }
    }

    /// Takes a token for a request to a route. The most specific setting applies: method and path,
    /// then path, then the whole stage.
    pub(super) fn admit(&self, method: &Method, path: &str, now: Instant) -> bool {
        let fits = |bucket: &&Bucket| {
            let MethodSetting { method: wanted, path: place, .. } = &bucket.setting;
            (wanted == "*" || wanted == method.as_str()) && (place == "/*" || place == path)
        };
        let specific = |bucket: &&Bucket| (bucket.setting.path != "/*", bucket.setting.method != "*");
        self.buckets.iter().filter(fits).max_by_key(specific).is_none_or(|bucket| bucket.take(now))
    }
}

impl Bucket {
    fn take(&self, now: Instant) -> bool {
        let mut level = lock(&self.level);
        let elapsed = level.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        level.at = Some(now);
        level.tokens = (level.tokens + elapsed * self.setting.rate).min(self.setting.burst);
        let admitted = level.tokens >= 1.0;
        if admitted {
            level.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_empties_and_refills_at_its_rate() {
        let setting = MethodSetting { method: "*".to_owned(), path: "/*".to_owned(), rate: 2.0, burst: 3.0 };
        let throttle = Throttle::new(&[setting]);
        let start = Instant::now();
        let admitted = |at| throttle.admit(&Method::GET, "/a", start + Duration::from_millis(at));
        assert_eq!([0, 0, 0, 0].map(admitted), [true, true, true, false]);
        assert_eq!([400, 500, 500].map(admitted), [false, true, false]);
        assert_eq!(
            [60_000; 4].map(admitted),
            [true, true, true, false],
            "no more than the burst is saved up"
        );
    }

    #[test]
    fn the_most_specific_setting_counts() {
        let setting = |method: &str, path: &str, burst| MethodSetting {
            method: method.to_owned(),
            path: path.to_owned(),
            rate: 0.0,
            burst,
        };
        let throttle = Throttle::new(&[setting("*", "/*", 9.0), setting("POST", "/a/{id}", 1.0)]);
        let now = Instant::now();
        assert!(throttle.admit(&Method::POST, "/a/{id}", now));
        assert!(!throttle.admit(&Method::POST, "/a/{id}", now));
        assert!(throttle.admit(&Method::GET, "/a/{id}", now));
    }
}
