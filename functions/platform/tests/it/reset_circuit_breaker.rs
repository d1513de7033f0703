//! `POST /api/v1/jobs/circuit-breakers/{name}/reset`.

use local::testkit::stack;
use serde_json::json;

use crate::given::admin;

#[tokio::test]
async fn an_admin_lets_a_provider_be_asked_at_once() {
    let stack = stack().await;
    let (alice, admin, db) = (stack.user(), admin(&stack).await, stack.db().await);
    db.batch_execute(
        "insert into platform.circuit_breakers (name, failures, opened_at, recovery_seconds, probe, probe_until)
         values ('a.example:81', 5, now(), 600, gen_random_uuid(), now())",
    )
    .await
    .unwrap();
    let path = "/api/v1/jobs/circuit-breakers/a.example%3A81/reset";
    alice.post(path, json!({})).await.assert_status(403);
    stack.anonymous().post(path, json!({})).await.assert_status(401);
    let untouched = "select count(*) from platform.circuit_breakers where opened_at is not null";
    assert_eq!(db.query_one(untouched, &[]).await.unwrap().get::<_, i64>(0), 1);
    let (one, other) =
        tokio::join!(admin.post(path, json!({})).into_future(), admin.post(path, json!({})).into_future());
    for answer in [one, other] {
        answer.assert_status(200);
        assert_eq!(answer.json(), json!({ "message": "Circuit breaker 'a.example:81' reset to CLOSED" }));
    }
    let reset = "select count(*) from platform.circuit_breakers
                 where failures = 0 and opened_at is null and recovery_seconds = 30 and probe is null";
    assert_eq!(db.query_one(reset, &[]).await.unwrap().get::<_, i64>(0), 1);
    admin.post("/api/v1/jobs/circuit-breakers/postgres/reset", json!({})).await.assert_status(200);
    let unknown = admin.post("/api/v1/jobs/circuit-breakers/nobody/reset", json!({})).await;
    unknown.assert_error(404, "NOT_FOUND", "circuit breaker not found");
}
