//! The outbox's rows: who may touch them, and what must hold.

use local::testkit::{self, Stack};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

/// Puts a mail in as a route would.
pub(crate) async fn enqueue(db: &Client, key: &str, payload: Value) -> Uuid {
    let id = Uuid::now_v7();
    let sql = "insert into platform.outbox (id, topic, dedup_key, payload) values ($1, 'mail', $2, $3)";
    db.execute(sql, &[&id, &key, &payload]).await.unwrap();
    id
}

/// A row: state, attempts, the last error, the payload, and the seconds until it is due.
pub(crate) async fn row(db: &Client, key: &str) -> (String, i32, Option<String>, Value, f64) {
    let sql = "select state, attempts, last_error, payload, extract(epoch from due_at - now())::float8
               from platform.outbox where dedup_key = $1";
    let row = db.query_one(sql, &[&key]).await.unwrap();
    (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))
}

/// Makes everything due, and ends every lease.
pub(crate) async fn make_due(db: &Client) {
    let sql = "update platform.outbox
               set due_at = now(), claimed_until = case when claim is not null then now() end
               where state = 'pending'";
    db.execute(sql, &[]).await.unwrap();
}

/// What PostgreSQL says to a statement of `person`, as role `praxis_request`.
async fn as_person(stack: &Stack, person: Uuid, sql: &str) -> Result<u64, String> {
    let mut owner = stack.owner().await;
    let tx = owner.transaction().await.unwrap();
    tx.batch_execute(&format!(
        "set local role praxis_request; select identity.open_request('{person}', null)"
    ))
    .await
    .unwrap();
    let outcome = tx.execute(sql, &[]).await;
    tx.commit().await.unwrap();
    outcome.map_err(|error| error.code().unwrap().code().to_owned())
}

#[tokio::test]
async fn a_person_puts_in_their_own_and_sees_nothing() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    let (alice, bob) = (Uuid::new_v4(), Uuid::new_v4());
    db.execute("insert into identity.users (id) values ($1), ($2)", &[&alice, &bob]).await.unwrap();
    let insert = |key: &str, person: &str| {
        format!(
            "insert into platform.outbox (id, topic, dedup_key, user_id, payload)
             values (gen_random_uuid(), 'mail', '{key}', {person}, '{{}}') on conflict do nothing"
        )
    };
    let denied = Err("42501".to_owned());
    assert_eq!(as_person(&stack, alice, &insert("one", &format!("'{alice}'"))).await, Ok(1));
    assert_eq!(
        as_person(&stack, alice, &insert("one", &format!("'{alice}'"))).await,
        Ok(0),
        "one key is one message"
    );
    assert_eq!(as_person(&stack, alice, &insert("two", &format!("'{bob}'"))).await, denied);
    assert_eq!(as_person(&stack, alice, &insert("three", "null")).await, denied);
    for sql in [
        "select id from platform.outbox",
        "update platform.outbox set state = 'dead'",
        "delete from platform.outbox",
        "insert into platform.outbox (id, topic, dedup_key, payload, state) values (gen_random_uuid(), 'm', 'x', '{}', 'dead')",
    ] {
        assert_eq!(as_person(&stack, alice, sql).await, denied, "{sql}");
    }
    let seen = stack.owner().await.query("select from platform.outbox", &[]).await.unwrap();
    assert!(seen.is_empty(), "nor does the owner of the tables see a row without a role");

    // The row goes with the person.
    db.execute("delete from identity.users where id = $1", &[&alice]).await.unwrap();
    assert!(db.query("select from platform.outbox", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_done_holds_no_secret() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    enqueue(&db, "one", json!({"link": "https://a"})).await;
    let failed =
        db.execute("update platform.outbox set state = 'done', done_at = now()", &[]).await.unwrap_err();
    assert_eq!(failed.code().unwrap().code(), "23514");
}
