//! The job `purge-expired`.

use local::testkit::Stack;
use serde_json::{Value, json};
use tokio_postgres::types::Type;

use crate::rights::{begin, count, run, stack};

/// A table, a row of it that goes, and one that stays. `$1` is the person.
const ROWS: [(&str, &str, &str); 17] = [
    (
        "identity.sign_ins",
        "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
         values (gen_random_uuid(), $1, 'token', 'password', now() - interval '31 days', now() - interval '31 days')",
        "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
         values (gen_random_uuid(), $1, 'token', 'password', now() - interval '29 days', now() - interval '29 days')",
    ),
    (
        "identity.sign_ins",
        "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at, revoked_at, revoked_because)
         values (gen_random_uuid(), $1, 'token', 'password', now() + interval '1 day', now() + interval '1 day',
                 now() - interval '31 days', 'logout')",
        "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at, revoked_at, revoked_because)
         values (gen_random_uuid(), $1, 'token', 'password', now() + interval '1 day', now() + interval '1 day',
                 now() - interval '29 days', 'logout')",
    ),
    (
        "identity.mail_tokens",
        "insert into identity.mail_tokens (token_hash, user_id, purpose, email, expires_at)
         values (sha256('old'), $1, 'verify_email', 'a@example.org', now() - interval '1 second')",
        "insert into identity.mail_tokens (token_hash, user_id, purpose, email, expires_at)
         values (sha256('new'), $1, 'verify_email', 'a@example.org', now() + interval '1 hour')",
    ),
    (
        "identity.oidc_attempts",
        "insert into identity.oidc_attempts (state_hash, browser_hash, provider, nonce, pkce_verifier, return_to, expires_at)
         values (sha256($1::text::bytea), sha256('b'), 'google', 'n', 'v', '/', now() - interval '1 second')",
        "insert into identity.oidc_attempts (state_hash, browser_hash, provider, nonce, pkce_verifier, return_to, expires_at)
         values (sha256(('x' || $1::text)::bytea), sha256('b'), 'google', 'n', 'v', '/', now() + interval '1 hour')",
    ),
    (
        "identity.rate_limits",
        "insert into identity.rate_limits (key, hits, expires_at)
         values (encode(sha256($1::text::bytea), 'hex'), '{}', now() - interval '1 second')",
        "insert into identity.rate_limits (key, hits, expires_at)
         values (encode(sha256(('x' || $1::text)::bytea), 'hex'), '{}', now() + interval '1 hour')",
    ),
    (
        "identity.exports",
        "insert into identity.exports (id, user_id, status, token_hash, finished_at, expires_at)
         values (gen_random_uuid(), $1, 'ready', sha256('old'), now(), now() - interval '1 second')",
        "insert into identity.exports (id, user_id, status, token_hash, finished_at, expires_at)
         values (gen_random_uuid(), $1, 'ready', sha256('new'), now(), now() + interval '1 hour')",
    ),
    (
        "identity.idempotency_keys",
        "insert into identity.idempotency_keys (user_id, route, key, request_hash, created_at)
         values ($1, 'r', 'old', 'h', now() - interval '8 days')",
        "insert into identity.idempotency_keys (user_id, route, key, request_hash, created_at)
         values ($1, 'r', 'new', 'h', now() - interval '6 days')",
    ),
    (
        "platform.outbox",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, state, done_at, created_at)
         values (gen_random_uuid(), 'mail', 'old', $1, '{}', 'done', now(), now() - interval '8 days')",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, state, done_at, created_at)
         values (gen_random_uuid(), 'mail', 'new', $1, '{}', 'done', now(), now() - interval '6 days')",
    ),
    (
        "platform.outbox",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, state, created_at)
         values (gen_random_uuid(), 'mail', 'dead', $1, '{}', 'dead', now() - interval '8 days')",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, created_at)
         values (gen_random_uuid(), 'mail', 'waits', $1, '{}', now() - interval '8 days')",
    ),
    // Dead mails keep address and link no longer than the link works, or a weekend.
    (
        "platform.outbox",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, state, created_at)
         values (gen_random_uuid(), 'mail', 'dead-notice', $1, '{\"template\": \"password_changed\"}', 'dead',
                 now() - interval '73 hours')",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, state, created_at)
         values (gen_random_uuid(), 'mail', 'fresh-notice', $1, '{\"template\": \"password_changed\"}', 'dead',
                 now() - interval '71 hours')",
    ),
    (
        "platform.outbox",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, state, created_at)
         values (gen_random_uuid(), 'mail', 'dead-reset', $1, '{\"template\": \"reset_password\"}', 'dead',
                 now() - interval '61 minutes')",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload, state, created_at)
         values (gen_random_uuid(), 'mail', 'fresh-reset', $1, '{\"template\": \"reset_password\"}', 'dead',
                 now() - interval '59 minutes')",
    ),
    (
        "identity.audit_log",
        "insert into identity.audit_log (id, actor_id, action, entity_type, occurred_at)
         values (gen_random_uuid(), $1, 'old.act', 'user', now() - interval '401 days')",
        "insert into identity.audit_log (id, actor_id, action, entity_type, occurred_at)
         values (gen_random_uuid(), $1, 'young.act', 'user', now() - interval '399 days')",
    ),
    (
        "platform.runs",
        "insert into platform.runs (id, user_id, kind, subject, claim, claimed_until, started_at)
         values (gen_random_uuid(), $1, 'test.run', gen_random_uuid(), gen_random_uuid(), now(), now() - interval '25 hours')",
        "insert into platform.runs (id, user_id, kind, subject, claim, claimed_until, started_at)
         values (gen_random_uuid(), $1, 'test.run', gen_random_uuid(), gen_random_uuid(), now(), now() - interval '23 hours')",
    ),
    (
        "platform.jobs",
        "insert into platform.jobs (id, user_id, kind, state, finished_at)
         values (gen_random_uuid(), $1, 'test.work', 'succeeded', now() - interval '91 days')",
        "insert into platform.jobs (id, user_id, kind, state, finished_at)
         values (gen_random_uuid(), $1, 'test.work', 'failed', now() - interval '89 days')",
    ),
    (
        "platform.model_calls",
        "insert into platform.model_calls (id, user_id, feature, provider, model, request_id, day, reserved_micros, called_at)
         values (gen_random_uuid(), $1, 'test.work', 'a', 'b', 'c', current_date, 1, now() - interval '401 days')",
        "insert into platform.model_calls (id, user_id, feature, provider, model, request_id, day, reserved_micros, called_at)
         values (gen_random_uuid(), $1, 'test.work', 'a', 'b', 'c', current_date, 1, now() - interval '399 days')",
    ),
    (
        "platform.budgets",
        "insert into platform.budgets (user_id, day, spent_micros) values ($1, current_date - 8, 1)",
        "insert into platform.budgets (user_id, day, spent_micros) values ($1, current_date - 6, 1)",
    ),
    (
        "platform.mails_held_back",
        "insert into platform.mails_held_back (day, template, reason, mails)
         select current_date - 91, $1::text::char(36), 'too_many', 1",
        "insert into platform.mails_held_back (day, template, reason, mails)
         select current_date - 89, $1::text::char(36), 'too_many', 1",
    ),
];

#[tokio::test]
async fn what_is_past_its_time_goes_and_the_rest_stays() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    begin(&alice).await;
    run(&db, "delete from identity.audit_log").await;
    let mut wanted = serde_json::Map::new();
    for (table, goes, stays) in ROWS {
        for sql in [goes, stays] {
            db.execute_typed(sql, &[(&alice.id(), Type::UUID)])
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        let known = wanted.get(table).and_then(Value::as_u64).unwrap_or(0);
        wanted.insert(table.to_owned(), json!(known + 1));
    }
    run(
        &db,
        "insert into identity.export_parts (export_id, user_id, part_no, archive)
              select id, user_id, 1, 'zip' from identity.exports",
    )
    .await;
    run(
        &db,
        "insert into identity.refresh_tokens (token_hash, sign_in_id, user_id)
              select sha256(id::text::bytea), id, user_id from identity.sign_ins",
    )
    .await;
    // Exchanged tokens: older than a day, and younger.
    run(
        &db,
        "insert into identity.refresh_tokens (token_hash, sign_in_id, user_id, replaced_at, sealed_successor)
              select sha256((id::text || hours)::bytea), id, user_id, now() - hours * interval '1 hour', 'sealed'
              from identity.sign_ins, (values (25), (23)) as age (hours)
              where coalesce(revoked_at, expires_at) > now() - interval '30 days'",
    )
    .await;
    wanted.insert("identity.refresh_tokens".to_owned(), json!(2));
    let counts = stack.invoke("purge-expired", json!({})).await;
    assert_eq!(counts, Value::Object(wanted.clone()));
    for (table, gone) in &wanted {
        if table == "identity.refresh_tokens" {
            continue; // some went with their sign-ins
        }
        // One stayed for each that went.
        assert_eq!(count(&db, table).await, gone.as_i64().unwrap(), "{table}");
    }
    assert_eq!(count(&db, "identity.export_parts").await, 1);
    assert_eq!(count(&db, "identity.refresh_tokens where replaced_at is null").await, 2);
    assert_eq!(count(&db, "identity.refresh_tokens where replaced_at is not null").await, 2);
    for key in ["old", "dead", "dead-notice", "dead-reset"] {
        assert_eq!(count(&db, &format!("platform.outbox where dedup_key = '{key}'")).await, 0, "{key}");
    }
    assert_eq!(count(&db, "identity.mail_tokens where token_hash = sha256('new')").await, 1);
    assert_eq!(count(&db, "identity.users").await, 1);
}

#[tokio::test]
async fn more_than_a_batch_goes_in_one_run() {
    let stack = stack().await;
    let db = stack.db().await;
    run(
        &db,
        "insert into identity.rate_limits (key, hits, expires_at)
              select encode(sha256(n::text::bytea), 'hex'), '{}', now() - interval '1 second'
              from generate_series(1, 4500) as n",
    )
    .await;
    let counts = stack.invoke("purge-expired", json!({})).await;
    assert_eq!(counts["identity.rate_limits"], 4500);
    assert_eq!(count(&db, "identity.rate_limits").await, 0);
}

#[tokio::test]
async fn what_somebody_is_using_is_left_for_the_next_time() {
    let stack = stack().await;
    let (alice, mut db, other) = (stack.user(), stack.db().await, stack.db().await);
    begin(&alice).await;
    let insert = ROWS[2].1;
    db.execute(insert, &[&alice.id()]).await.expect("an expired token");
    let using = db.transaction().await.expect("a transaction");
    using.execute("select from identity.mail_tokens for update", &[]).await.expect("a lock");
    assert_eq!(stack.invoke("purge-expired", json!({})).await["identity.mail_tokens"], 0);
    using.commit().await.expect("the end of the transaction");
    assert_eq!(stack.invoke("purge-expired", json!({})).await["identity.mail_tokens"], 1);
    assert_eq!(count(&other, "identity.mail_tokens").await, 0);
}

#[tokio::test]
async fn the_log_is_kept_as_long_as_a_setting_says_and_the_database_lets_no_young_act_go() {
    let stack = Stack::builder().env("AUDIT_RETENTION_DAYS", "1").start().await;
    let db = stack.db().await;
    for days in [89, 91] {
        let sql = format!(
            "insert into identity.audit_log (id, action, entity_type, occurred_at)
             values (gen_random_uuid(), 'some.act', 'user', now() - interval '{days} days')"
        );
        run(&db, &sql).await;
    }
    assert_eq!(
        stack.invoke("purge-expired", json!({})).await["identity.audit_log"],
        1,
        "never less than 90 days"
    );
    // Nor does any role delete one by itself, or by asking for more.
    let mut owner = stack.owner().await;
    let tx = owner.transaction().await.expect("a transaction");
    tx.batch_execute("set local role praxis_service").await.expect("the role of jobs");
    let row = tx.query_one("select identity.forget_old_acts(-1000, 100)", &[]).await.expect("the function");
    assert_eq!(row.get::<_, i64>(0), 0);
    tx.execute("delete from identity.audit_log", &[]).await.expect_err("no right");
}
