//! Every table with a person's data is in their export and is emptied by their erasure, whichever domain made it.
//!
//! Who adds such a table adds a row for it to [`ROWS`], and what it is for people with `comment on table`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::rights::{exported, follow, run, stack, unzip};

/// A row of each table for the person `$1`, parents first.
const ROWS: [(&str, &str); 41] = [
    (
        "identity.users",
        "insert into identity.users (id, email, display_name, roles)
         values ($1, $1::text || '@example.org', 'Person ' || $1::text, '{student,teacher}')",
    ),
    (
        "identity.emails",
        "insert into identity.emails (email, user_id, verified_at) values ($1::text || '@example.org', $1, now())",
    ),
    (
        "identity.passwords",
        "insert into identity.passwords (user_id, password_hash) values ($1, '$argon2id$SECRET')",
    ),
    (
        "identity.external_accounts",
        "insert into identity.external_accounts (provider, subject, user_id) values ('google', $1::text, $1)",
    ),
    (
        "identity.sign_ins",
        "insert into identity.sign_ins (id, user_id, kind, method, secret_hash, ip, idle_expires_at, expires_at)
         values (gen_random_uuid(), $1, 'browser', 'password', sha256(('secret' || $1::text)::bytea), '192.0.2.1',
                 now() + interval '1 day', now() + interval '1 day')",
    ),
    (
        "identity.refresh_tokens",
        "insert into identity.refresh_tokens (token_hash, sign_in_id, user_id)
         select sha256(('refresh' || $1::text)::bytea), id, $1 from identity.sign_ins where user_id = $1",
    ),
    (
        "identity.mail_tokens",
        "insert into identity.mail_tokens (token_hash, user_id, purpose, email, expires_at)
         values (sha256(('mail' || $1::text)::bytea), $1, 'change_email', 'new@example.org', now() + interval '1 day')",
    ),
    (
        "identity.oidc_attempts",
        "insert into identity.oidc_attempts
             (state_hash, browser_hash, provider, nonce, pkce_verifier, return_to, expires_at, user_id)
         values (sha256(('state' || $1::text)::bytea), sha256('x'), 'google', 'SECRET', 'SECRET', '/', now(), $1)",
    ),
    (
        "identity.idempotency_keys",
        "insert into identity.idempotency_keys (user_id, route, key, request_hash, body)
         values ($1, 'POST /', 'key', 'hash', '{\"answer\": \"SECRET\"}')",
    ),
    (
        "identity.public_profiles",
        "insert into identity.public_profiles (user_id, full_name) values ($1, 'Person ' || $1::text)",
    ),
    (
        "identity.exports",
        "insert into identity.exports (id, user_id, status, token_hash, finished_at, expires_at, requested_at)
         values (gen_random_uuid(), $1, 'ready', sha256(('export' || $1::text)::bytea), now(),
                 now() + interval '1 day', now() - interval '1 day')",
    ),
    (
        "identity.export_parts",
        "insert into identity.export_parts (export_id, user_id, part_no, archive)
         select id, $1, 1, 'SECRET' from identity.exports where user_id = $1",
    ),
    (
        "platform.outbox",
        "insert into platform.outbox (id, topic, dedup_key, user_id, payload)
         values (gen_random_uuid(), 'test', $1::text, $1, '{\"link\": \"SECRET\"}')",
    ),
    (
        "platform.runs",
        "insert into platform.runs (id, user_id, kind, subject, claim, claimed_until)
         values (gen_random_uuid(), $1, 'test.run', gen_random_uuid(), gen_random_uuid(), now())",
    ),
    (
        "platform.run_events",
        "insert into platform.run_events (run_id, attempt, first, user_id, names, data)
         select id, 1, 1, $1, '{delta}', array['{}'] from platform.runs where user_id = $1",
    ),
    (
        "platform.jobs",
        "insert into platform.jobs (id, user_id, kind) values (gen_random_uuid(), $1, 'test.work')",
    ),
    (
        "platform.job_steps",
        "insert into platform.job_steps (job_id, name, user_id, result)
         select id, 'one', $1, '{}' from platform.jobs where user_id = $1",
    ),
    (
        "platform.dead_jobs",
        "insert into platform.dead_jobs (id, job_id, user_id)
         select gen_random_uuid(), id, $1 from platform.jobs where user_id = $1",
    ),
    (
        "platform.model_calls",
        "insert into platform.model_calls (id, user_id, feature, provider, model, request_id, day, reserved_micros)
         values (gen_random_uuid(), $1, 'test.work', 'a', 'b', 'c', current_date, 1)",
    ),
    (
        "platform.budgets",
        "insert into platform.budgets (user_id, day, spent_micros) values ($1, current_date, 1)",
    ),
    (
        "practice.scenes",
        "insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal,
                                      context, power_dynamic)
         values (gen_random_uuid(), $1, 'Scene', 'CUSTOM', 'PEER', 'TENSE', 'a date', 'late twice', 'PEER_LEVEL')",
    ),
    (
        "practice.sessions",
        "insert into practice.sessions (id, user_id, scene_id, target_turns)
         select gen_random_uuid(), $1, id, 5 from practice.scenes where user_id = $1",
    ),
    (
        "practice.turns",
        "insert into practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until)
         select gen_random_uuid(), id, $1, 1, gen_random_uuid(), 'You are late.', now()
         from practice.sessions where user_id = $1",
    ),
    (
        "practice.rewrites",
        "insert into practice.rewrites (id, session_id, user_id, turn_id, rewrite_style, rewritten_content, source)
         select gen_random_uuid(), session_id, $1, id, 'NEUTRAL', 'Could we agree a date?', 'rules'
         from practice.turns where user_id = $1",
    ),
    (
        "practice.summaries",
        "insert into practice.summaries (id, session_id, user_id, turn_no, opening_line, request_line)
         select gen_random_uuid(), id, $1, 1, 'Hello', 'Please' from practice.sessions where user_id = $1",
    ),
    (
        "practice.reflections",
        "insert into practice.reflections (id, session_id, user_id, used_in_real_world)
         select gen_random_uuid(), id, $1, true from practice.sessions where user_id = $1",
    ),
    (
        "practice.weekly_progress",
        "insert into practice.weekly_progress (user_id, week_start, timezone, practice_count, summary_count,
                                               real_world_used_count, avg_outcome_score)
         values ($1, '2024-01-01', 'UTC', 1, 1, 1, 3)",
    ),
    (
        "lessons.teachers",
        "insert into lessons.teachers (id, user_id, display_name) values (gen_random_uuid(), $1, 'Person ' || $1::text)",
    ),
    (
        "lessons.schedules",
        "insert into lessons.schedules (teacher_id, timezone) values ($1, 'Europe/Berlin')",
    ),
    (
        "lessons.schedule_exceptions",
        "insert into lessons.schedule_exceptions (id, teacher_id, on_date, windows)
         values (gen_random_uuid(), $1, '2027-01-06', '[]')",
    ),
    ("lessons.teaching_rules", "insert into lessons.teaching_rules (teacher_id, break_minutes) values ($1, 15)"),
    (
        "lessons.slots",
        "insert into lessons.slots (id, teacher_id, starts_at, ends_at)
         values (gen_random_uuid(), $1, now() + interval '1 day', now() + interval '25 hours')",
    ),
    (
        "lessons.packages",
        "insert into lessons.packages (id, student_id, expires_at) values (gen_random_uuid(), $1, now() + interval '9 days')",
    ),
    (
        "lessons.payments",
        "insert into lessons.payments (id, package_id, student_id, amount_minor, currency)
         select gen_random_uuid(), id, $1, 100, 'EUR' from lessons.packages where student_id = $1",
    ),
    (
        "lessons.package_entries",
        "insert into lessons.package_entries (id, package_id, kind, lessons)
         select gen_random_uuid(), id, 'grant', 3 from lessons.packages where student_id = $1",
    ),
    (
        "lessons.bookings",
        "insert into lessons.bookings (id, student_id, package_id, starts_at, ends_at, blocked_until, free_cancel_until, state,
                                       canceled_at, canceled_as, cancellation_reason, calendar_uid)
         select gen_random_uuid(), $1, id, now(), now() + interval '1 hour', now() + interval '1 hour', now(), 'canceled', now(),
                'student', 'Person ' || $1::text || ' is ill', gen_random_uuid()
         from lessons.packages where student_id = $1",
    ),
    (
        "lessons.events",
        "insert into lessons.events (id, event_type, aggregate_type, aggregate_id, student_id)
         values (gen_random_uuid(), 'booking.canceled', 'booking', gen_random_uuid(), $1)",
    ),
    (
        "lessons.waitlist",
        "insert into lessons.waitlist (id, student_id, teacher_id, package_id, wanted_from, wanted_until, minutes)
         select gen_random_uuid(), $1, teacher.id, packages.id, now(), now() + interval '9 days', 60
         from lessons.packages join identity.users as teacher on teacher.email = 'a.teacher@example.org'
         where student_id = $1",
    ),
    (
        "lessons.notifications",
        "insert into lessons.notifications (id, user_id, title, body) values (gen_random_uuid(), $1, 'Room change', 'Room 2')",
    ),
    (
        "lessons.calendar_feeds",
        "insert into lessons.calendar_feeds (id, user_id, token_hash)
         values (gen_random_uuid(), $1, sha256(('feed' || $1::text)::bytea))",
    ),
    (
        "lessons.admin_actions",
        "insert into lessons.admin_actions (id, admin_id, action, target_type)
         values (gen_random_uuid(), $1, 'slot.note', 'slot')",
    ),
];

/// Columns that name a person without a reference, and why they may.
const UNREFERENCED: [(&str, &str); 2] = [
    ("identity.audit_log.actor_id", "the log outlives the people, and holds nothing of them but ids"),
    (
        "identity.sign_ins.external_account_id",
        "an account elsewhere, whose row carries the person, as this one does",
    ),
];

/// Tables of the practice's books: they hold money of a payment and say nothing of a person. Books are kept when people leave;
/// the payment, which is in the export with what came of it, has its person until then.
const BOOKS: [&str; 4] = [
    "lessons.money_entries",
    "lessons.payment_disputes",
    "lessons.payment_events",
    "lessons.payment_refunds",
];

/// Gives the person a row in every table.
async fn fill(db: &Database, person: Uuid) {
    let teacher = "insert into identity.users (id, email, roles)
                   select gen_random_uuid(), 'a.teacher@example.org', '{teacher}'
                   where not exists (select from identity.users where email = 'a.teacher@example.org')";
    db.execute(teacher, &[]).await.expect("somebody to wait for");
    for (table, sql) in ROWS {
        let rows = db
            .execute_typed(sql, &[(&person, Type::UUID)])
            .await
            .unwrap_or_else(|error| panic!("{table}: {error:?}"));
        assert_eq!(rows, 1, "{table}");
    }
    let sql = "insert into identity.audit_log (id, actor_id, action, entity_type, entity_id)
               values (gen_random_uuid(), $1, 'user.registered', 'user', $1::text),
                      (gen_random_uuid(), null, 'user.deactivated', 'user', $1::text)";
    db.execute_typed(sql, &[(&person, Type::UUID)]).await.expect("acts on record");
    // By nobody and on a thing, but on record for its person.
    let sql = "insert into identity.audit_log (id, actor_id, action, entity_type, entity_id, payload)
               select gen_random_uuid(), null, 'refresh_token.reused', 'sign_in', id::text,
                      jsonb_build_object('user_id', user_id)
               from identity.sign_ins where user_id = $1";
    assert_eq!(db.execute_typed(sql, &[(&person, Type::UUID)]).await.expect("an act on record"), 1);
}

async fn texts(db: &Database, sql: &str) -> BTreeSet<String> {
    let rows = db.query(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    rows.iter().map(|row| row.get(0)).collect()
}

/// The tables that hold a person's data, by the catalog.
async fn personal_tables(db: &Database) -> BTreeSet<String> {
    texts(db, "select schema_name || '.' || table_name from identity.personal_tables()").await
}

/// What every table, whatever it refers to, holds of the person: its rows that contain the person's id anywhere.
async fn held(db: &Database, person: Uuid) -> BTreeMap<String, Vec<String>> {
    let all = "select format('%I.%I', schemaname, tablename) from pg_tables
               where schemaname not in ('pg_catalog', 'information_schema')";
    let mut held = BTreeMap::new();
    for table in texts(db, all).await {
        let sql =
            format!("select row::text from {table} as row where row::text like '%{person}%' order by 1");
        let rows = texts(db, &sql).await;
        if !rows.is_empty() {
            held.insert(table, rows.into_iter().collect());
        }
    }
    held
}

#[tokio::test]
async fn an_export_has_every_table_of_its_person_and_nothing_of_anybody_else() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    fill(&db, alice.id()).await;
    fill(&db, bob.id()).await;
    let path = exported(&stack, &alice).await;
    let files = unzip(follow(&stack, &path).await.bytes());

    let excluded =
        texts(&db, "select table_name from identity.export_exclusions where column_name = ''").await;
    let mut wanted = &personal_tables(&db).await - &excluded;
    wanted.insert("identity.audit_log".to_owned());
    let found: BTreeSet<_> =
        files.keys().filter_map(|name| name.strip_suffix(".json")).map(str::to_owned).collect();
    assert_eq!(found, wanted, "ROWS lacks a table, or the export does");
    for (name, text) in &files {
        assert!(!text.contains(&bob.id().to_string()), "{name} holds another's: {text}");
        assert!(!text.contains("SECRET"), "{name} holds a secret: {text}");
        for secret in ["secret", "refresh", "mail", "export", "feed"] {
            let sql = format!("select encode(sha256('{secret}{}'), 'hex')", alice.id());
            let hash: String = crate::rights::value(&db, &sql).await;
            assert!(!text.contains(&hash), "{name} holds what is derived from a secret: {text}");
        }
    }
    let file = |table: &str| serde_json::from_str::<Value>(&files[&format!("{table}.json")]).expect("JSON");
    assert_eq!(file("identity.users")[0]["display_name"], format!("Person {}", alice.id()));
    assert_eq!(file("practice.turns")[0]["user_content"], "You are late.");
    let acts = file("identity.audit_log");
    let acts: BTreeSet<_> =
        acts.as_array().unwrap().iter().map(|act| act["action"].as_str().unwrap()).collect();
    let wanted_acts = ["user.registered", "user.deactivated", "refresh_token.reused", "export.requested"];
    assert_eq!(acts, BTreeSet::from(wanted_acts));
    for table in &wanted {
        let line = format!("{table}.json\n  ");
        let (_, rest) =
            files["README.txt"].split_once(&line).unwrap_or_else(|| panic!("{table} is not in the README"));
        assert!(
            !rest.starts_with('\n'),
            "{table} needs a `comment on table` for the person who reads the export"
        );
    }
}

#[tokio::test]
async fn erasure_leaves_nothing_of_the_person_and_everything_of_everybody_else() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    fill(&db, alice.id()).await;
    fill(&db, bob.id()).await;
    let filled: BTreeSet<_> = held(&db, alice.id()).await.into_keys().collect();
    let missing = &personal_tables(&db).await - &filled;
    assert!(missing.is_empty(), "add rows of these tables to ROWS: {missing:?}");
    let others = held(&db, bob.id()).await;

    let sql = format!(
        "update identity.users set deletion_requested_at = now() - interval '20 days' where id = '{}'",
        alice.id()
    );
    run(&db, &sql).await;
    assert_eq!(stack.invoke("erase-accounts", json!({})).await, json!({"people": 1}));
    let left: Vec<_> = held(&db, alice.id()).await.into_keys().collect();
    let kept = ["identity.audit_log", "identity.erased_people"];
    assert_eq!(left, kept, "what refers to people without a foreign key is forgotten");
    assert_eq!(held(&db, bob.id()).await, others);
}

#[tokio::test]
async fn whatever_names_a_person_refers_to_them() {
    let stack = stack().await;
    let db = stack.db().await;
    // Named like a person, in any table of ours, and not one of the columns that personal_tables() found.
    let columns = "
        select format('%s.%s.%s', space.nspname, class.relname, attribute.attname)
        from pg_class as class
        join pg_namespace as space on space.oid = class.relnamespace
        join pg_attribute as attribute on attribute.attrelid = class.oid and attnum > 0 and not attisdropped
        where class.relkind in ('r', 'p') and not class.relispartition
          and space.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
          and attribute.attname ~ '(^|_)(user|person|people|owner|author|actor|member|profile|account|student|teacher|educator|coach|learner|writer|visitor|creator|sender|recipient|admin)(_ids?|_uuids?)?$'
          and attribute.atttypid in ('uuid'::regtype, 'uuid[]'::regtype)
          and not exists (select from identity.personal_tables() as personal
                          where personal.schema_name = space.nspname and personal.table_name = class.relname
                            and attribute.attname = any (personal.person_columns))";
    let allowed: BTreeSet<_> = UNREFERENCED.iter().map(|(column, _)| (*column).to_owned()).collect();
    assert_eq!(
        texts(&db, columns).await,
        allowed,
        "columns without a reference to people, against UNREFERENCED"
    );

    // A child of a person's row carries the person, else neither list nor policy reaches it.
    let children = "
        with personal as (
            select format('%I.%I', schema_name, table_name)::regclass as relation from identity.personal_tables()
        )
        select conrelid::regclass::text from pg_constraint
        where contype = 'f' and confrelid in (select relation from personal)
          and conrelid not in (select relation from personal)";
    let books = BTreeSet::from(BOOKS.map(str::to_owned));
    assert_eq!(
        texts(&db, children).await,
        books,
        "tables whose foreign key leaves the person out, against BOOKS"
    );
}

#[tokio::test]
async fn no_secret_is_exported_and_the_list_of_exclusions_is_true() {
    let stack = stack().await;
    let db = stack.db().await;
    let columns = "
        select format('%s.%s.%s', schema_name, table_name, attname)
        from identity.personal_tables() as personal
        join pg_attribute on attrelid = format('%I.%I', schema_name, table_name)::regclass
            and attnum > 0 and not attisdropped
        where (attname ~ '(hash|secret|sealed|token(_|$)|verifier|nonce|password|key$)' or atttypid = 'bytea'::regtype)
          and attname <> 'dedup_key'
          and not exists (select from identity.export_exclusions as hidden
                          where hidden.table_name = personal.schema_name || '.' || personal.table_name
                            and hidden.column_name in ('', attname))";
    assert_eq!(texts(&db, columns).await, BTreeSet::new(), "columns for identity.export_exclusions");
    let unknown = "
        select hidden.table_name || '.' || column_name from identity.export_exclusions as hidden
        where hidden.table_name not in (select schema_name || '.' || table_name from identity.personal_tables())
           or column_name <> '' and not exists (select from pg_attribute
               where attrelid = hidden.table_name::regclass and attname = column_name and attnum > 0)";
    assert_eq!(texts(&db, unknown).await, BTreeSet::new(), "exclusions of nothing");
}

#[tokio::test]
async fn only_jobs_may_ask_what_is_held_on_a_person() {
    let stack = stack().await;
    let owner = stack.owner().await;
    let sql = format!("select * from identity.export_person('{}')", Uuid::new_v4());
    owner.batch_execute("begin; set local role praxis_request").await.unwrap();
    let refused = owner.query(&sql, &[]).await.expect_err("requests may not");
    assert_eq!(refused.code().map(|code| code.code().to_owned()).as_deref(), Some("42501"));
    owner.batch_execute("rollback; begin; set local role praxis_service").await.unwrap();
    assert!(owner.query(&sql, &[]).await.unwrap().is_empty());
}
