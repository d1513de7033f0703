//! How long statements, locks and transactions may take, and what becomes of a transaction that nobody ends.

use serde_json::json;

use crate::probe;

#[tokio::test(flavor = "multi_thread")]
async fn every_transaction_says_how_long_it_may_take() {
    for connection in ["per_request", "reuse", "pooler"] {
        let stack = probe().env("DATABASE_CONNECTION", connection).start().await;
        let answer = stack.user().post("/probe/answer", json!({})).header("x-request-id", "r").await;
        answer.assert_status(200);
        let timeouts: Vec<String> = serde_json::from_value(answer.json()["timeouts"].clone()).expect("texts");
        let [statement, lock, idle] = timeouts.as_slice() else { panic!("{timeouts:?}") };
        let milliseconds = |text: &str| match text.strip_suffix("ms") {
            Some(number) => number.parse::<u64>().expect("a number"),
            None => {
                1000 * text.strip_suffix('s').and_then(|number| number.parse::<u64>().ok()).expect("seconds")
            }
        };
        // The function has 4 s, and stops 1.5 s earlier.
        assert!((500..2500).contains(&milliseconds(statement)), "{timeouts:?}");
        assert!(milliseconds(lock) <= milliseconds(statement) / 2 + 1, "{timeouts:?}");
        assert_eq!(idle, "1min");
        let lines = stack.wait_for_logs(1).await;
        assert_eq!(lines[0]["db_round_trips"], 1, "it costs no round trip");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_cancelled_and_is_nobody_s_fault() {
    let stack = probe().start().await;
    let answer = stack.user().post("/probe/sleep", json!({})).await;
    answer.assert_error(503, "UNAVAILABLE", "the database took too long");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let running = "select count(*) from pg_stat_activity where datname = current_database() and query ~ '^select pg_sleep'
                   and state = 'active'";
    let left: i64 = stack.db().await.query_one(running, &[]).await.expect("a count").get(0);
    assert_eq!(left, 0, "nothing goes on in the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_too_long_for_a_lock_hears_when_to_come_back() {
    let stack = probe().start().await;
    let (alice, mut db) = (stack.user(), stack.db().await);
    db.execute("insert into identity.users (id) values ($1)", &[&alice.id()]).await.expect("a person");
    let holder = db.transaction().await.expect("a transaction");
    holder.execute("update identity.users set display_name = 'held'", &[]).await.expect("a lock");
    let answer = alice.post("/probe/wait", json!({})).await;
    answer.assert_error(503, "UNAVAILABLE", "the database took too long");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_outlives_its_request_joins_nobody_else_s() {
    for connection in ["per_request", "reuse"] {
        let stack = probe().env("DATABASE_CONNECTION", connection).start().await;
        let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
        alice.post("/probe/outlive", json!({})).await.assert_status(200);
        for _ in 0..3 {
            let answer = bob.post("/probe/commit-with", json!({})).await;
            // The second and third time, Bob is there already.
            assert!([200, 500].contains(&answer.status()), "{connection}");
            assert_eq!(bob.post("/probe/answer", json!({})).await.json()["person"], bob.id().to_string());
        }
        let rows = db.query("select id from identity.users", &[]).await.expect("rows");
        let people: Vec<uuid::Uuid> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(people, [bob.id()], "{connection}: what Alice's transaction wrote was never committed");
    }
}
