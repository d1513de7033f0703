//! Token buckets for the rate limits of the template's `MethodSettings`, one for each method of each resource: also a
//! setting for all of them (`/*`, `*`) limits each by itself
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-request-throttling.html>).

use std::{collections::HashMap, sync::Mutex, time::Instant};

use http::Method;

use crate::{lambda::lock, template::MethodSetting};

#[derive(Debug)]
pub(super) struct Throttle {
    settings: Vec<MethodSetting>,
    /// By method and resource path.
    levels: Mutex<HashMap<(Method, String), Level>>,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Throttle {
    pub(super) fn new(settings: &[MethodSetting]) -> Self {
        Self { settings: settings.to_vec(), levels: Mutex::default() }
    }

    /// Takes a token for a request to a route. The most specific setting applies: method and path,
    /// then path, then the whole stage.
    pub(super) fn admit(&self, method: &Method, path: &str, now: Instant) -> bool {
        let fits = |setting: &&MethodSetting| {
            (setting.method == "*" || setting.method == method.as_str())
                && (setting.path == "/*" || setting.path == path)
        };
        let specific = |setting: &&MethodSetting| (setting.path != "/*", setting.method != "*");
        let Some(setting) = self.settings.iter().filter(fits).max_by_key(specific) else { return true };
        let mut levels = lock(&self.levels);
        let level = levels
            .entry((method.clone(), path.to_owned()))
            .or_insert(Level { tokens: setting.burst, at: now });
        let elapsed = now.saturating_duration_since(level.at).as_secs_f64();
        level.at = now;
        level.tokens = (level.tokens + elapsed * setting.rate).min(setting.burst);
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
    fn one_setting_for_all_routes_limits_each_method_by_itself() {
        let setting = MethodSetting { method: "*".to_owned(), path: "/*".to_owned(), rate: 0.0, burst: 1.0 };
        let throttle = Throttle::new(&[setting]);
        let now = Instant::now();
        let calls = [(Method::GET, "/a"), (Method::POST, "/a"), (Method::GET, "/b/{id}")];
        for (method, path) in &calls {
            assert!(throttle.admit(method, path, now), "{method} {path}");
        }
        for (method, path) in &calls {
            assert!(!throttle.admit(method, path, now), "{method} {path}");
        }
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
