//! The test kit's stack, with the project's own functions.

use std::time::Instant;

use local::testkit::{Database, Stack, stack};
use serde_json::json;

#[tokio::test]
async fn two_stacks_do_not_see_each_other() {
    let (one, other) = tokio::join!(stack(), stack());
    let alice = one.user();
    alice.patch("/api/v1/me", json!({"display_name": "Alice"})).await.assert_status(200);
    let count = "select count(*) from identity.users where id = $1";
    for (stack, expected) in [(&one, 1_i64), (&other, 0)] {
        let row = stack.db().await.query_one(count, &[&alice.id()]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), expected);
    }
}

#[tokio::test]
async fn answers_carry_the_contract_and_logs_are_captured() {
    let stack = stack().await;
    let answer = stack.anonymous().get("/api/v1/me").header("x-request-id", "r-1").await;
    answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    assert_eq!(answer.header("x-request-id"), Some("r-1"));
    let logs = stack.wait_for_logs(1).await;
    assert_eq!((&logs[0]["request_id"], &logs[0]["status_code"]), (&json!("r-1"), &json!(401)));

    stack.hand_over_logs().await;
    assert!(stack.logs().iter().all(|line| line["type"] != "request"), "lines are handed over once");
    let metrics = stack.anonymous().get("/ops/metrics").await;
    assert_eq!(metrics.assert_status(200).json()["total_requests"], 1);
}

#[tokio::test]
async fn the_server_of_a_test_stops_and_starts() {
    let mut stack = Stack::builder().own_server().start().await;
    let anybody = stack.anonymous();
    anybody.get("/ready").await.assert_status(200);
    stack.stop_postgres().await;
    anybody.get("/ready").await.assert_status(503);
    stack.start_postgres().await;
    anybody.get("/ready").await.assert_status(200);
}

#[tokio::test]
async fn a_copy_of_the_database_is_quick_and_its_own() {
    let first = Database::migrated().await;
    first
        .superuser()
        .await
        .execute("insert into identity.users (id) values (gen_random_uuid())", &[])
        .await
        .unwrap();
    let start = Instant::now();
    let second = Database::migrated().await;
    eprintln!("a copy took {:?}", start.elapsed());
    let row = second.superuser().await.query_one("select count(*) from identity.users", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

/// Fails when it is told to, by itself: what libtest prints of a failure is seen from outside.
#[tokio::test]
async fn a_failing_test_tells_what_was_said_and_logged() {
    const TOLD: &str = "PRAXIS_TEST_IS_TO_FAIL";
    if std::env::var_os(TOLD).is_some() {
        let stack = stack().await;
        let somebody = stack.anonymous().bearer("a-long-token-that-nobody-should-read");
        let call =
            somebody.patch("/api/v1/me", json!({"display_name": "Alice"})).header("x-request-id", "r-7");
        let status = call.await.status();
        assert_eq!(status, 299, "the test's own assertion");
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "stack::a_failing_test_tells_what_was_said_and_logged"]).env(TOLD, "yes");
    let output = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    for expected in [
        "the test's own assertion",
        "PATCH /api/v1/me\n",
        r#"{"display_name":"Alice"}"#,
        "answer: 401 Unauthorized\n",
        r#""error_code":"UNAUTHORIZED""#,
        "log of update-me: {",
    ] {
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
    assert!(said.contains("authorization: Bearer a-long-token-"), "{said}");
    assert!(!said.contains("nobody-should-read"), "{said}");
}
