//! delete-me.

use local::testkit::fakes::IdentityProvider;
use local::testkit::{Answer, Client, Stack};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

use crate::rights::{access_token, acts, begin, count, mails, password_hash, run, stack, value};

const ME: &str = "/api/v1/me";

async fn delete(person: &Client, proof: Value) -> Answer {
    person.delete(ME).json(&proof).await
}

/// Gives the person a password.
async fn with_password(db: &Database, person: &Client, password: &str) {
    begin(person).await;
    let hash = password_hash(password);
    let sql = "insert into identity.passwords (user_id, password_hash) values ($1, $2)";
    db.execute(sql, &[&person.id(), &hash]).await.expect("a password");
}

/// A sign-in of the person.
async fn signed_in(db: &Database, person: &Client) {
    let sql = format!(
        "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
         values (gen_random_uuid(), '{}', 'token', 'password', now() + interval '1 day', now() + interval '1 day')",
        person.id()
    );
    run(db, &sql).await;
}

#[tokio::test]
async fn a_deletion_is_taken_on_ends_every_sign_in_and_says_when() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    begin(&alice).await;
    begin(&bob).await;
    signed_in(&db, &alice).await;
    signed_in(&db, &alice).await;
    signed_in(&db, &bob).await;
    let answer = delete(&alice, json!({})).await;
    answer.assert_status(202);
    let day: String = value(&db, "select ((now() at time zone 'UTC')::date + 15)::text").await;
    assert_eq!(answer.json(), json!({"erased_on": day}));
    assert_eq!(count(&db, "identity.sign_ins where revoked_because = 'deletion'").await, 2);
    assert_eq!(count(&db, "identity.sign_ins where revoked_at is null").await, 1, "bob's");
    let mail = mails(&db, alice.id(), "deletion_requested").await;
    assert_eq!(mail.len(), 1);
    assert_eq!(
        (&mail[0]["erased_on"], &mail[0]["to"]),
        (&json!(day), &json!(format!("{}@mock.local", alice.id())))
    );
    assert_eq!(mail[0]["link"], "https://api.example/portal/restore");
    assert_eq!(acts(&db, alice.id()).await, ["user.deletion_requested"]);

    stack.deliver_mail().await;
    let sent = stack.mails().await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0].text.contains("https://api.example/portal/restore"), "{sent:?}");

    // Asked again, it is the same; and the account works until then.
    run(
        &db,
        "update identity.users set deletion_requested_at = deletion_requested_at - interval '3 days'
              where deletion_requested_at is not null",
    )
    .await;
    let earlier: String = value(&db, "select ((now() at time zone 'UTC')::date + 12)::text").await;
    let again = delete(&alice, json!({})).await;
    again.assert_status(202);
    assert_eq!(again.json(), json!({"erased_on": earlier}));
    assert_eq!(count(&db, "platform.outbox").await, 1);
    assert_eq!(acts(&db, alice.id()).await, ["user.deletion_requested"]);
    alice.get(ME).await.assert_status(200);
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 1);
}

#[tokio::test]
async fn somebody_without_a_row_gets_one_to_be_deleted() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    delete(&alice, json!({})).await.assert_status(202);
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 1);
}

#[tokio::test]
async fn who_has_a_password_proves_it() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    with_password(&db, &alice, "correct horse battery").await;
    delete(&alice, json!({})).await.assert_invalid(&["/password"]);
    delete(&alice, json!({"password": null})).await.assert_invalid(&["/password"]);
    let wrong = delete(&alice, json!({"password": "wrong"})).await;
    wrong.assert_error(403, "FORBIDDEN", "wrong password");
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 0);
    delete(&alice, json!({"password": "correct horse battery"})).await.assert_status(202);
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 1);
}

#[tokio::test]
async fn a_password_cannot_be_guessed_here() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    with_password(&db, &alice, "correct horse battery").await;
    for _ in 0..5 {
        delete(&alice, json!({"password": "wrong"})).await.assert_status(403);
    }
    let answer = delete(&alice, json!({"password": "correct horse battery"})).await;
    answer.assert_status(429);
    assert!(answer.header("retry-after").is_some(), "{answer}");
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 0);
}

#[tokio::test]
async fn without_a_password_one_must_have_signed_in_just_now() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    begin(&alice).await;
    signed_in(&db, &alice).await;
    let sign_in: uuid::Uuid = value(&db, "select id from identity.sign_ins").await;
    let token = |minutes: i64| access_token(&stack, alice.id(), sign_in, minutes);
    let late = delete(&alice.bearer(&token(16)), json!({})).await;
    late.assert_error(403, "PROOF_REQUIRED", "prove again who you are: sign in again, or give your password");
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 0);
    delete(&alice.bearer(&token(14)), json!({})).await.assert_status(202);
}

#[tokio::test]
async fn the_last_admin_stays() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    begin(&alice).await;
    begin(&bob).await;
    run(&db, "update identity.users set roles = '{student,admin}'").await;
    delete(&alice, json!({})).await.assert_status(202);
    let answer = delete(&bob, json!({})).await;
    answer.assert_error(409, "CONFLICT", "the last admin stays");
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 1);
    assert!(acts(&db, bob.id()).await.is_empty());
}

#[tokio::test]
async fn of_two_admins_who_leave_at_once_one_stays() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    begin(&alice).await;
    begin(&bob).await;
    run(&db, "update identity.users set roles = '{student,admin}'").await;
    // Both are let in and reach the last step before either may finish it: whoever takes an admin away waits here.
    db.batch_execute("select pg_advisory_lock(hashtext('identity.keep_an_admin'))").await.expect("the gate");
    let leave = |person: &Client| tokio::spawn(person.delete(ME).json(&json!({})).into_future());
    let calls = (leave(&alice), leave(&bob));
    let waiting = "pg_locks l join pg_database d on d.oid = l.database
                   where d.datname = current_database() and l.locktype = 'advisory' and not l.granted";
    while count(&db, waiting).await < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    db.batch_execute("select pg_advisory_unlock_all()").await.expect("the gate");
    let (one, other) = (calls.0.await.expect("an answer"), calls.1.await.expect("an answer"));
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409]);
    assert_eq!(count(&db, "identity.users where deletion_requested_at is null").await, 1);
}

#[tokio::test]
async fn without_a_token_and_for_the_deactivated_there_is_none() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let answer = delete(&stack.anonymous(), json!({})).await;
    answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    alice.delete(ME).await.assert_invalid(&[""]);
    begin(&alice).await;
    run(&db, "update identity.users set deactivated_at = now()").await;
    delete(&alice, json!({})).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    assert_eq!(count(&db, "identity.users where deletion_requested_at is not null").await, 0);
}

#[tokio::test]
async fn who_changes_their_mind_again_and_again_is_stopped() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let mut refused = 0;
    for _ in 0..25 {
        refused += i32::from(delete(&alice, json!({})).await.status() == 429);
        refused += i32::from(alice.request("POST", "/api/v1/me/restore").await.status() == 429);
    }
    assert_eq!(refused, 40, "ten an hour, of both together");
    assert_eq!(count(&db, "platform.outbox").await, 5);
    assert_eq!(count(&db, "identity.audit_log where action like 'user.deletion%'").await, 10);
    delete(&bob, json!({})).await.assert_status(202);
}

#[tokio::test]
async fn an_address_that_the_project_did_not_confirm_gets_no_mail() {
    for (confirms, wanted) in [("", 0), ("true", 1)] {
        let provider = IdentityProvider::start().await;
        let stack = Stack::builder()
            .env("AUTH_MODE", "supabase")
            .env("MOCK_AUTH_ENABLED", "")
            .env("SUPABASE_URL", provider.url())
            .env("SUPABASE_CONFIRMS_EMAIL", confirms)
            .start()
            .await;
        let person = Uuid::new_v4();
        let mut claims = provider.claims(person);
        claims["amr"] = json!([{ "method": "password", "timestamp": jiff::Timestamp::now().as_second() }]);
        let victim = stack.anonymous().bearer(&provider.rsa_key().sign(&claims));
        delete(&victim, json!({})).await.assert_status(202);
        assert_eq!(count(&stack.db().await, "platform.outbox").await, wanted, "{confirms}");
    }
}
