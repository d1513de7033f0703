//! get-ops-metrics.

use local::testkit::{self, Stack};
use serde_json::json;

use crate::log_lines::{delivery, request};

const PATH: &str = "/ops/metrics";

#[tokio::test]
async fn before_the_first_request_everything_is_zero() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get(PATH).await;
    answer.assert_status(200);
    let mut snapshot = answer.json();
    assert!(snapshot["started_at"].take().as_str().is_some_and(|time| time.ends_with('Z')));
    let nothing = json!({
        "started_at": null, "total_requests": 0, "status_counts": {}, "avg_latency_ms": 0.0, "max_latency_ms": 0.0,
        "slow_request_count": 0, "server_error_count": 0, "slow_request_threshold_ms": 1200, "top_endpoints": [],
        "recent_errors": [],
    });
    assert_eq!(snapshot, nothing);
}

#[tokio::test]
async fn the_counters_are_those_of_the_log() {
    let stack = testkit::stack().await;
    let lines = [
        request("GET", "/b", 200, 10.0, 5),
        request("GET", "/a", 200, 1300.0, 1),
        request("GET", "/b", 404, 10.004, 7),
        request("POST", "/a", 500, 20.0, 3),
        request("POST", "/a", 503, 30.0, 4),
    ];
    stack.invoke("record-metrics", delivery("one", &lines)).await;
    let snapshot = stack.anonymous().get(PATH).await.json();
    let wanted = json!({
        "started_at": "2026-03-02T07:00:01.120000Z",
        "total_requests": 5,
        "status_counts": { "200": 2, "404": 1, "500": 1, "503": 1 },
        "avg_latency_ms": 274.0,
        "max_latency_ms": 1300.0,
        "slow_request_count": 1,
        "server_error_count": 2,
        "slow_request_threshold_ms": 1200,
        // Of the same number the one that was seen first.
        "top_endpoints": [
            { "endpoint": "POST /a", "count": 2 },
            { "endpoint": "GET /b", "count": 2 },
            { "endpoint": "GET /a", "count": 1 },
        ],
        "recent_errors": [
            {
                "timestamp": "2026-03-02T07:00:04.120000Z", "request_id": "r-4", "method": "POST", "path": "/a?x",
                "route": "/a", "status_code": 503, "latency_ms": 30.0,
            },
            {
                "timestamp": "2026-03-02T07:00:03.120000Z", "request_id": "r-3", "method": "POST", "path": "/a?x",
                "route": "/a", "status_code": 500, "latency_ms": 20.0,
            },
        ],
    });
    assert_eq!(snapshot, wanted);
}

#[tokio::test]
async fn ten_endpoints_and_as_many_errors_as_the_setting_says() {
    let limits = Stack::builder().env("OBSERVABILITY_RECENT_ERROR_LIMIT", "3").env("SLOW_REQUEST_MS", "50");
    let stack = limits.start().await;
    let lines: Vec<_> =
        (0..12).map(|number| request("GET", &format!("/{number}"), 500, 1.0, number)).collect();
    stack.invoke("record-metrics", delivery("one", &lines)).await;
    let snapshot = stack.anonymous().get(PATH).await.json();
    assert_eq!(snapshot["top_endpoints"].as_array().unwrap().len(), 10);
    let errors = snapshot["recent_errors"].as_array().unwrap();
    let ids: Vec<_> = errors.iter().filter_map(|error| error["request_id"].as_str()).collect();
    assert_eq!(ids, ["r-11", "r-10", "r-9"]);
    assert_eq!(snapshot["slow_request_threshold_ms"], 50);
}

#[tokio::test]
async fn real_requests_are_counted_when_their_lines_are_handed_over() {
    let stack = testkit::stack().await;
    stack.anonymous().get("/health").await.assert_status(200);
    stack.anonymous().get("/health").await.assert_status(200);
    stack.anonymous().get("/api/v1/me").await.assert_status(401);
    stack.wait_for_logs(3).await;
    stack.hand_over_logs().await;
    let snapshot = stack.anonymous().get(PATH).await.json();
    assert_eq!(snapshot["total_requests"], 3);
    assert_eq!(snapshot["status_counts"], json!({ "200": 2, "401": 1 }));
    assert_eq!(snapshot["top_endpoints"][0], json!({ "endpoint": "GET /health", "count": 2 }));
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
    for caller in [stack.anonymous(), stack.anonymous().bearer("any")] {
        let answer = caller.get(PATH).await;
        answer.assert_error(403, "FORBIDDEN", "closed: OPS_TOKEN is not set");
    }
}

#[tokio::test]
async fn without_a_database_it_is_unavailable() {
    let mut stack = Stack::builder().own_server().start().await;
    stack.stop_postgres().await;
    stack.anonymous().get(PATH).await.assert_error(503, "UNAVAILABLE", "database unavailable");
}
