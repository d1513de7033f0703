//! `DATABASE_CONNECTION`: a connection for each invocation, or one that a sandbox keeps.

use local::testkit::{Stack, stack};
use serde_json::json;

use crate::given;

/// The server's processes that serve a function now, and what they are doing.
async fn serving(db: &tokio_postgres::Client, function: &str) -> Vec<(i32, String)> {
    let sql = "select pid, state from pg_stat_activity where datname = current_database() and application_name = $1";
    let rows = db.query(sql, &[&function]).await.expect("the activity");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn usually_no_connection_outlives_its_request() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    given::say(&alice, session, "第一句").await;
    alice.get(&format!("/api/v1/sessions/{session}")).await.assert_status(200);
    for function in ["create-scene", "create-session", "send-message", "get-session"] {
        let open = format!(
            "select count(*) from pg_stat_activity where datname = current_database() and application_name = '{function}'"
        );
        given::until(&db, &open, |open| open == 0).await;
    }
}

#[tokio::test]
async fn a_poolers_connection_ends_with_the_request_too() {
    let stack: Stack = Stack::builder().env("DATABASE_CONNECTION", "pooler").start().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    given::say(&alice, session, "第一句").await;
    let path = format!("/api/v1/sessions/{session}");
    for _ in 0..3 {
        alice.get(&path).await.assert_status(200);
    }
    for function in ["create-session", "send-message", "get-session"] {
        given::until(
            &db,
            &format!("select count(*) from pg_stat_activity where datname = current_database() and application_name = '{function}'"),
            |open| open == 0,
        )
        .await;
    }
}

#[tokio::test]
async fn a_kept_connection_serves_the_next_request_clean() {
    let stack: Stack = Stack::builder().env("DATABASE_CONNECTION", "reuse").start().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let (one, other) = (given::session(&alice).await, given::session(&alice).await);
    let kept = serving(&db, "create-session").await;
    assert_eq!(kept.len(), 1, "the second session came over the first one's connection");

    // A read leaves no transaction open, and no person behind.
    let path = format!("/api/v1/sessions/{one}");
    alice.get(&path).await.assert_status(200);
    let reader = serving(&db, "get-session").await;
    assert_eq!((reader.len(), reader[0].1.as_str()), (1, "idle"));
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "session not found");
    alice.get(&path).await.assert_status(200);
    assert_eq!(serving(&db, "get-session").await, reader);

    // Nor does a statement that failed in the middle of a transaction.
    given::reflection(&alice, one, true, None).await;
    let writer = serving(&db, "create-reflection").await;
    let again =
        alice.post("/api/v1/reflections", json!({"session_id": one, "used_in_real_world": true})).await;
    again.assert_error(409, "CONFLICT", "reflection already exists for this session");
    assert_eq!(serving(&db, "create-reflection").await, writer);
    given::reflection(&alice, other, true, None).await;
    assert_eq!(serving(&db, "create-reflection").await, writer);
    assert_eq!(given::count(&db, "select count(*) from practice.reflections").await, 2);

    // One that the server closed is replaced.
    given::count(&db, &format!("select count(*) from pg_terminate_backend({}, 5000)", reader[0].0)).await;
    alice.get(&path).await.assert_status(200);
    let replaced = serving(&db, "get-session").await;
    assert!(replaced.len() == 1 && replaced[0].0 != reader[0].0, "{replaced:?}");
}

#[tokio::test]
async fn messages_are_taken_over_kept_connections_too() {
    let provider = given::provider().await;
    let stack = given::stack_with_settings(&provider, &[("DATABASE_CONNECTION", "reuse")]).await;
    let (alice, db) = (stack.user(), stack.db().await);
    let session = given::session(&alice).await;
    let message = given::message("第一句");
    let calls = (0..6).map(|_| given::send(&alice, session, &message).into_future());
    let answers = futures_util::future::join_all(calls).await;
    for answer in &answers {
        answer.assert_status(200);
        assert_eq!(answer.text(), answers[0].text());
    }
    assert_eq!(provider.count(), 1);
    let states = serving(&db, "send-message").await;
    assert!(!states.is_empty() && states.iter().all(|(_, state)| state == "idle"), "{states:?}");
}
