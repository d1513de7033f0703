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
async fn a_person_puts_in_nothing_and_sees_nothing() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    let alice = Uuid::new_v4();
    db.execute("insert into identity.users (id) values ($1)", &[&alice]).await.unwrap();
    let kept = "insert into platform.outbox (id, topic, dedup_key, user_id, payload)
                values (gen_random_uuid(), 'mail', 'kept', $1, '{}')";
    db.execute(kept, &[&alice]).await.unwrap();
    let denied = Err("42501".to_owned());
    // What goes out under the product's name is no person's to write, not even to themselves.
    let mail = format!(
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload)
         values (gen_random_uuid(), 'mail', 'one', '{alice}', '{{\"to\": \"anybody@example.org\"}}')"
    );
    assert_eq!(as_person(&stack, alice, &mail).await, denied);
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

/// Puts in a mail of `template` to `to` in a transaction of the service, as every route does; whether it was let in.
async fn mail(stack: &Stack, template: &str, to: &str) -> bool {
    let mut db = stack.owner().await;
    let tx = db.transaction().await.unwrap();
    tx.batch_execute("set local role praxis_service").await.unwrap();
    let sql = "insert into platform.outbox (id, topic, dedup_key, payload) values ($1, 'mail', $2, $3)
               on conflict do nothing";
    let id = Uuid::now_v7();
    let payload = json!({"template": template, "to": to, "link": "https://a.example"});
    let put_in = tx.execute(sql, &[&id, &format!("{template}:{id}"), &payload]).await.unwrap();
    tx.commit().await.unwrap();
    put_in == 1
}

/// How many of so many mails were let in.
async fn let_in(stack: &Stack, template: &str, to: &str, tries: usize) -> usize {
    let mut count = 0;
    for _ in 0..tries {
        count += usize::from(mail(stack, template, to).await);
    }
    count
}

async fn held_back(db: &Client) -> Vec<(String, String, i64)> {
    let sql = "select template, reason, mails from platform.mails_held_back order by template, reason";
    db.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn an_address_gets_so_many_mails_whatever_they_are_about() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    let flood =
        ["change_email", "verify_email", "password_changed", "deletion_requested", "a_notice_to_come"];
    let mut count = 0;
    for round in 0..20 {
        // The same mailbox, however it is written.
        let to = ["mia@example.org", "Mia@Example.org", "mia+news@example.org"][round % 3];
        count += let_in(&stack, flood[round % flood.len()], to, 1).await;
    }
    assert_eq!(count, 10, "an hour");
    // Somebody who forgot their password is not kept out by that.
    assert_eq!(let_in(&stack, "reset_password", "mia@example.org", 5).await, 3, "an hour, of these");
    assert_eq!(let_in(&stack, "verify_email", "lee@example.org", 1).await, 1, "another's are another's");

    let hour = "update platform.outbox set created_at = created_at - interval '61 minutes' where receiver is not null";
    let (mut notices, mut resets) = (10, 3);
    for _ in 0..4 {
        db.execute(hour, &[]).await.unwrap();
        notices += let_in(&stack, "password_changed", "mia@example.org", 12).await;
        resets += let_in(&stack, "reset_password", "mia@example.org", 4).await;
    }
    assert_eq!((notices, resets), (30, 10), "a day");
    db.execute("update platform.outbox set created_at = created_at - interval '1 day'", &[]).await.unwrap();
    assert!(mail(&stack, "password_changed", "mia@example.org").await, "the next day");

    let counted = held_back(&db).await;
    assert!(counted.iter().all(|(_, reason, mails)| reason == "too_many" && *mails > 0), "{counted:?}");
    let all: String = db
        .query_one("select string_agg(h::text, ' ') from platform.mails_held_back h", &[])
        .await
        .unwrap()
        .get(0);
    assert!(!all.contains("example.org"), "{all}");
    let kept: i64 = db
        .query_one("select count(*) from platform.outbox where receiver::text like '%example%'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(kept, 0, "a hash");
}

#[tokio::test]
async fn mails_at_once_are_counted_like_mails_in_turn() {
    let stack = testkit::stack().await;
    let tries = (0..20).map(|_| mail(&stack, "password_changed", "mia@example.org"));
    let count = futures_util::future::join_all(tries).await.into_iter().filter(|put_in| *put_in).count();
    assert_eq!(count, 10);
}

#[tokio::test]
async fn an_address_that_nobody_has_proven_gets_no_notice() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    let person = Uuid::new_v4();
    db.execute("insert into identity.users (id) values ($1)", &[&person]).await.unwrap();
    let address = "insert into identity.emails (email, user_id) values ('mia@example.org', $1)";
    db.execute(address, &[&person]).await.unwrap();
    assert_eq!(let_in(&stack, "password_changed", "mia@example.org", 3).await, 0);
    assert_eq!(let_in(&stack, "verify_email", "mia@example.org", 1).await, 1, "a link that proves it");
    assert_eq!(held_back(&db).await, [("password_changed".to_owned(), "unproven".to_owned(), 3)]);
    db.execute("update identity.emails set verified_at = now()", &[]).await.unwrap();
    assert_eq!(let_in(&stack, "password_changed", "mia@example.org", 1).await, 1);
}
