//! get-readiness.

use local::testkit::{self, Stack};
use serde_json::json;

#[tokio::test]
async fn a_migrated_database_is_ready() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get("/ready").await;
    answer.assert_status(200);
    assert_eq!(answer.json(), json!({ "status": "ready" }));
    // A newer program has migrated the database: this one serves on.
    let insert =
        "insert into platform.migrations (version, name, checksum, duration_ms) values (999, 'new', 'x', 1)";
    stack.db().await.batch_execute(insert).await.unwrap();
    stack.anonymous().get("/ready").await.assert_status(200);
}

#[tokio::test]
async fn pending_and_changed_migrations_are_not_ready() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    db.batch_execute("update platform.migrations set checksum = 'x' where version = 1").await.unwrap();
    stack.anonymous().get("/ready").await.assert_error(503, "UNAVAILABLE", "migrations pending");
    db.batch_execute("delete from platform.migrations").await.unwrap();
    let answer = stack.anonymous().get("/ready").await;
    answer.assert_error(503, "UNAVAILABLE", "migrations pending");
    assert!(answer.header("retry-after").is_some());
    db.batch_execute("drop schema platform cascade").await.unwrap();
    stack.anonymous().get("/ready").await.assert_error(503, "UNAVAILABLE", "migrations pending");
}

#[tokio::test]
async fn an_unreachable_database_is_not_ready_until_it_is_back() {
    let mut stack = Stack::builder().own_server().start().await;
    stack.anonymous().get("/ready").await.assert_status(200);
    stack.stop_postgres().await;
    stack.anonymous().get("/ready").await.assert_error(503, "UNAVAILABLE", "database unavailable");
    stack.start_postgres().await;
    stack.anonymous().get("/ready").await.assert_status(200);
}
