//! `DATABASE_CONNECTION`: a connection for each invocation, or one that a sandbox keeps.

use local::testkit::{Database, Stack, stack};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

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

/// What a function sends to the database during one read, by way of a relay that listens in.
async fn sent(connection: &str) -> Vec<u8> {
    let database = Database::migrated().await;
    let url = database.url().await;
    let config: tokio_postgres::Config = url.parse().expect("the database's address");
    let port = config.get_ports()[0];
    let relay = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let relayed = url.replacen(&port.to_string(), &relay.local_addr().expect("a port").port().to_string(), 1);
    let listening = tokio::spawn(async move {
        let (function, _) = relay.accept().await.expect("a connection");
        let server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server");
        let ((mut from, mut back), (mut answers, mut to)) = (function.into_split(), server.into_split());
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        let answering = tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            heard.extend_from_slice(&buffer[..length]);
            to.write_all(&buffer[..length]).await.expect("the server takes it");
        }
        answering.abort();
        heard
    });
    let stack =
        Stack::builder().env("DATABASE_URL", relayed).env("DATABASE_CONNECTION", connection).start().await;
    stack.user().get("/api/v1/scenes").await.assert_status(200);
    listening.await.expect("the relay")
}

/// A pooler closes its own connection when a client leaves in the middle of a transaction.
#[tokio::test(flavor = "multi_thread")]
async fn a_poolers_connection_is_left_outside_of_a_transaction() {
    const GOODBYE: &[u8] = b"X\0\0\0\x04";
    const ROLLBACK: &[u8] = b"Q\0\0\0\x0drollback\0";
    let sent_to_pooler = sent("pooler").await;
    assert!(sent_to_pooler.ends_with(&[ROLLBACK, GOODBYE].concat()), "{}", sent_to_pooler.escape_ascii());
    // A server of one's own needs no such word, which would be a round trip.
    let sent_to_server = sent("per_request").await;
    assert!(sent_to_server.ends_with(GOODBYE) && !sent_to_server.windows(8).any(|word| word == b"rollback"));
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
