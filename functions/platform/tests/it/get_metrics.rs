//! get-metrics.

use local::testkit::{self, Stack};

use crate::log_lines::{delivery, request};

const PATH: &str = "/metrics";

#[tokio::test]
async fn prometheus_gets_every_counter() {
    let stack = testkit::stack().await;
    let lines = [request("GET", "/a", 200, 3.0, 0), request("GET", "/a", 500, 2000.0, 1)];
    stack.invoke("record-metrics", delivery("one", &lines)).await;
    let answer = stack.anonymous().get(PATH).await;
    answer.assert_status(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = answer.text();
    for line in [
        "# TYPE praxis_requests_total counter",
        "praxis_requests_total{method=\"GET\",route=\"/a\",status=\"200\"} 1",
        "# TYPE praxis_request_duration_seconds histogram",
        "praxis_request_duration_seconds_bucket{method=\"GET\",route=\"/a\",le=\"0.005\"} 1",
        "praxis_request_duration_seconds_bucket{method=\"GET\",route=\"/a\",le=\"2.5\"} 2",
        "praxis_request_duration_seconds_bucket{method=\"GET\",route=\"/a\",le=\"+Inf\"} 2",
        "praxis_request_duration_seconds_sum{method=\"GET\",route=\"/a\"} 2.003",
        "praxis_request_duration_seconds_count{method=\"GET\",route=\"/a\"} 2",
        "praxis_errors_total{method=\"GET\",route=\"/a\"} 1",
        "praxis_slow_requests_total{method=\"GET\",route=\"/a\"} 1",
        "praxis_cold_starts_total{function=\"some-function\"} 1",
        "praxis_ai_calls_total{function=\"some-function\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn with_a_token_only_operators_see_it() {
    let stack = Stack::builder().env("OPS_TOKEN", "secret").start().await;
    stack.anonymous().bearer("secret").get(PATH).await.assert_status(200);
    for caller in [stack.anonymous(), stack.anonymous().bearer("wrong"), stack.user()] {
        let answer = caller.get(PATH).await;
        answer.assert_error(401, "UNAUTHORIZED", "missing or wrong operations token");
    }
}

#[tokio::test]
async fn in_production_without_a_token_it_is_closed() {
    let stack = Stack::builder().env("APP_ENV", "production").start().await;
    stack.anonymous().get(PATH).await.assert_error(403, "FORBIDDEN", "closed: OPS_TOKEN is not set");
}

#[tokio::test]
async fn without_a_database_it_is_unavailable() {
    let mut stack = Stack::builder().own_server().start().await;
    stack.stop_postgres().await;
    stack.anonymous().get(PATH).await.assert_error(503, "UNAVAILABLE", "database unavailable");
}
