//! The counters in Prometheus' text format, version 0.0.4.
//!
//! Source: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use crate::metrics::ModelTotal;
use crate::request_count::{Count, LATENCY_BOUNDS_MS};

/// All metrics: of `counts`, which are by method, route and status, and of the calls of models.
pub fn render(counts: &[Count], models: &[ModelTotal]) -> String {
    let mut text = Text::default();
    text.family("praxis_requests_total", "counter", "Requests by route and status.");
    for count in counts {
        let status = count.status_code.to_string();
        let labels = [("method", &*count.method), ("route", &*count.route), ("status", &*status)];
        text.sample("praxis_requests_total", &labels, count.requests);
    }
    let routes = by(counts, |count| (count.method.as_str(), count.route.as_str()));
    text.family(
        "praxis_request_duration_seconds",
        "histogram",
        "Time from decoding a request to its answer.",
    );
    for ((method, route), counts) in &routes {
        text.histogram("praxis_request_duration_seconds", &[("method", method), ("route", route)], counts);
    }
    let of_routes: [Metric<i64>; 2] = [
        ("praxis_errors_total", "Requests that ended with a status from 500 on.", |count| {
            if count.status_code >= 500 { count.requests } else { 0 }
        }),
        ("praxis_slow_requests_total", "Requests that took at least SLOW_REQUEST_MS.", |count| {
            count.slow_requests
        }),
    ];
    for (name, help, value) in of_routes {
        text.family(name, "counter", help);
        for ((method, route), counts) in &routes {
            let sum: i64 = counts.iter().map(|count| value(count)).sum();
            text.sample(name, &[("method", method), ("route", route)], sum);
        }
    }
    let functions = by(counts, |count| count.function.as_str());
    let of_functions: [Metric<f64>; 4] = [
        ("praxis_cold_starts_total", "Requests that started a sandbox.", |count| count.cold_starts as f64),
        ("praxis_ai_calls_total", "Calls of the model.", |count| count.ai_calls as f64),
        ("praxis_ai_seconds_total", "Time in calls of the model.", |count| count.ai_ms_sum / 1000.0),
        ("praxis_database_seconds_total", "Time in connecting and statements.", |count| {
            count.db_ms_sum / 1000.0
        }),
    ];
    for (name, help, value) in of_functions {
        text.family(name, "counter", help);
        for (function, counts) in &functions {
            let sum: f64 = counts.iter().map(|count| value(count)).sum();
            text.sample(name, &[("function", function)], sum);
        }
    }
    let of_models: [Metric<f64, ModelTotal>; 5] = [
        ("praxis_model_calls_total", "Calls of models by what they were for and how they ended.", |total| {
            total.calls as f64
        }),
        ("praxis_model_tokens_in_total", "Tokens that models read.", |total| total.tokens_in as f64),
        ("praxis_model_tokens_out_total", "Tokens that models wrote.", |total| total.tokens_out as f64),
        ("praxis_model_cost_dollars_total", "What models cost, by the prices of the settings.", |total| {
            total.cost_micros as f64 / 1e6
        }),
        ("praxis_model_seconds_total", "Time in calls of models.", |total| total.latency_ms as f64 / 1000.0),
    ];
    for (name, help, value) in of_models {
        text.family(name, "counter", help);
        for total in models {
            let labels =
                [("feature", &*total.feature), ("model", &*total.model), ("outcome", &*total.outcome)];
            text.sample(name, &labels, value(total));
        }
    }
    text.0
}

/// Name, help, and what a row adds to the sum.
type Metric<T, R = Count> = (&'static str, &'static str, fn(&R) -> T);

fn by<'a, K: Ord>(counts: &'a [Count], key: impl Fn(&'a Count) -> K) -> BTreeMap<K, Vec<&'a Count>> {
    let mut groups = BTreeMap::new();
    for count in counts {
        groups.entry(key(count)).or_insert_with(Vec::new).push(count);
    }
    groups
}

/// The text so far. Writing into a string cannot fail.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if place == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// Buckets count everything up to their bound; the last one is `+Inf` and counts all.
    fn histogram(&mut self, name: &str, labels: &[(&str, &str)], counts: &[&Count]) {
        let requests: i64 = counts.iter().map(|count| count.requests).sum();
        let seconds: f64 = counts.iter().map(|count| count.latency_ms_sum / 1000.0).sum();
        let mut upto = 0;
        for (place, bound) in LATENCY_BOUNDS_MS.iter().enumerate() {
            // A row written before a bound was added has fewer buckets.
            upto += counts.iter().filter_map(|count| count.latency_buckets.get(place)).sum::<i64>();
            let bound = (bound / 1000.0).to_string();
            self.sample(&format!("{name}_bucket"), &[labels, &[("le", &bound)]].concat(), upto);
        }
        self.sample(&format!("{name}_bucket"), &[labels, &[("le", "+Inf")]].concat(), requests);
        self.sample(&format!("{name}_sum"), labels, seconds);
        self.sample(&format!("{name}_count"), labels, requests);
    }
}

#[cfg(test)]
mod tests {
    use shared::value::Time;

    use super::*;

    fn count(route: &str, status_code: i16, buckets: &[i64], requests: i64) -> Count {
        Count {
            method: "GET".to_owned(),
            route: route.to_owned(),
            function: "f".to_owned(),
            status_code,
            requests,
            slow_requests: 1,
            cold_starts: 2,
            ai_calls: 3,
            latency_ms_sum: 1500.0,
            latency_ms_max: 900.0,
            ai_ms_sum: 250.0,
            db_ms_sum: 0.0,
            latency_buckets: buckets.to_vec(),
            first_seen_at: Time(jiff::Timestamp::UNIX_EPOCH),
            last_seen_at: Time(jiff::Timestamp::UNIX_EPOCH),
        }
    }

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }

    #[test]
    fn calls_of_models_are_told_by_what_they_were_for() {
        let (feature, model, outcome) = ("practice.reply".to_owned(), "m".to_owned(), "answered".to_owned());
        let (calls, tokens_in, tokens_out, cost_micros, latency_ms) = (3, 1200, 90, 2_500_000, 4500);
        let total =
            ModelTotal { feature, model, outcome, calls, tokens_in, tokens_out, cost_micros, latency_ms };
        let text = render(&[], &[total]);
        let labels = r#"{feature="practice.reply",model="m",outcome="answered"}"#;
        for line in [
            format!("praxis_model_calls_total{labels} 3\n"),
            format!("praxis_model_tokens_in_total{labels} 1200\n"),
            format!("praxis_model_tokens_out_total{labels} 90\n"),
            format!("praxis_model_cost_dollars_total{labels} 2.5\n"),
            format!("praxis_model_seconds_total{labels} 4.5\n"),
        ] {
            assert!(text.contains(&line), "{line} is missing: {text}");
        }
    }

    #[test]
    fn buckets_are_cumulative_over_all_statuses() {
        let text = render(&[count("/a", 200, &[1, 0, 2], 4), count("/a", 500, &[1, 1], 2)], &[]);
        let bucket = |le: &str, upto: i64| {
            has(
                &text,
                &format!(
                    "praxis_request_duration_seconds_bucket{{method=\"GET\",route=\"/a\",le=\"{le}\"}} {upto}"
                ),
            );
        };
        bucket("0.005", 2);
        bucket("0.01", 3);
        bucket("0.025", 5);
        bucket("30", 5);
        bucket("+Inf", 6);
        has(&text, "praxis_request_duration_seconds_sum{method=\"GET\",route=\"/a\"} 3");
        has(&text, "praxis_request_duration_seconds_count{method=\"GET\",route=\"/a\"} 6");
        has(&text, "praxis_requests_total{method=\"GET\",route=\"/a\",status=\"500\"} 2");
        has(&text, "praxis_errors_total{method=\"GET\",route=\"/a\"} 2");
        has(&text, "praxis_slow_requests_total{method=\"GET\",route=\"/a\"} 2");
        has(&text, "praxis_cold_starts_total{function=\"f\"} 4");
        has(&text, "praxis_ai_calls_total{function=\"f\"} 6");
        has(&text, "praxis_ai_seconds_total{function=\"f\"} 0.5");
    }

    #[test]
    fn every_family_says_once_what_it_is() {
        let text = render(&[count("/a", 200, &[], 1), count("/b", 200, &[], 1)], &[]);
        for name in ["praxis_requests_total counter", "praxis_request_duration_seconds histogram"] {
            assert_eq!(text.matches(&format!("# TYPE {name}\n")).count(), 1);
        }
        assert_eq!(text.matches("# HELP").count(), text.matches("# TYPE").count());
        assert!(render(&[], &[]).ends_with('\n'), "without a request there are families and no samples");
    }

    #[test]
    fn labels_are_escaped() {
        let text = render(&[count("/a\"b\\c\nd", 200, &[], 1)], &[]);
        has(&text, r#"praxis_requests_total{method="GET",route="/a\"b\\c\nd",status="200"} 1"#);
    }
}
