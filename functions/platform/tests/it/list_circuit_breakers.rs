//! `GET /api/v1/jobs/circuit-breakers`. How breakers open and close is in practice's tests of models.

use local::testkit::Stack;
use serde_json::json;

#[tokio::test]
async fn every_breaker_says_how_it_stands() {
    let stack = Stack::builder().env("OPENAI_BASE_URL", "https://models.example:8443/v1").start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    db.batch_execute(
        "insert into platform.circuit_breakers (name, failures, last_failure_at, opened_at) values
             ('a.example', 2, '2026-01-02T03:04:05Z', null), ('b.example', 5, now(), now() - interval '10 seconds'),
             ('c.example', 5, now(), now() - interval '31 seconds')",
    )
    .await
    .unwrap();
    let answer = alice.get("/api/v1/jobs/circuit-breakers").await;
    answer.assert_status(200);
    let all = answer.json();
    let shown: Vec<_> =
        all.as_array().unwrap().iter().map(|one| (one["name"].clone(), one["state"].clone())).collect();
    let expected = [
        ("a.example", "closed"),
        ("b.example", "open"),
        ("c.example", "half_open"),
        ("models.example:8443", "closed"),
        ("postgres", "closed"),
    ];
    assert_eq!(shown, expected.map(|(name, state)| (json!(name), json!(state))));
    let first = json!({ "name": "a.example", "state": "closed", "failure_count": 2, "last_failure_at": "2026-01-02T03:04:05Z",
                        "time_to_recovery": null });
    assert_eq!(all[0], first);
    assert!((19..=20).contains(&all[1]["time_to_recovery"].as_i64().unwrap()), "{}", all[1]);
    assert_eq!(all[2]["time_to_recovery"], json!(null));
    stack.anonymous().get("/api/v1/jobs/circuit-breakers").await.assert_status(401);
}
