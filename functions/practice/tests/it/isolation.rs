//! Row-level security, column grants and references in SQL: what a person's role can do without the functions.

use local::testkit::{Client as Person, Stack, stack};
use serde_json::json;
use tokio_postgres::{Client, error::SqlState};
use uuid::Uuid;

use crate::given;

/// One row of everything, of `person`.
struct Owned {
    scene: Uuid,
    session: Uuid,
    turn: Uuid,
}

async fn everything(stack: &Stack, person: &Person) -> Owned {
    let scene = given::scene(person).await;
    let session = given::session_on(person, scene).await;
    let turn = given::id(&given::say(person, session, "第一句").await["user_message_id"]);
    let body = json!({"source_message_id": turn, "rewrite_style": "NEUTRAL"});
    person.post(&format!("/api/v1/sessions/{session}/rewrite"), body).await.assert_status(200);
    given::summary(person, session).await;
    given::reflection(person, session, true, Some(3)).await;
    let db = stack.db().await;
    given::started_at(&db, session, "2024-01-03T00:00:00Z").await;
    stack.invoke("weekly-progress", json!({"week_start": "2024-01-01"})).await;
    Owned { scene, session, turn }
}

/// A connection as a role of requests or jobs, in a transaction, with the claim of a person.
async fn as_role(stack: &Stack, role: &str, person: Option<Uuid>) -> Client {
    let client = stack.owner().await;
    given::execute(&client, &format!("begin; set local role {role}")).await;
    let subject = person.map(|id| id.to_string()).unwrap_or_default();
    let claim = "select set_config('praxis.user_id', $1, true)";
    client.execute(claim, &[&subject]).await.expect("the claim");
    client
}

/// Why a statement is refused; the transaction goes on.
async fn refusal(client: &Client, sql: &str) -> SqlState {
    given::execute(client, "savepoint before").await;
    let outcome = client.batch_execute(sql).await;
    given::execute(client, "rollback to savepoint before").await;
    let error = outcome.expect_err(sql);
    error.code().unwrap_or_else(|| panic!("{sql}: {error:?}")).clone()
}

/// Every table that this domain's routes write, with the column that names the person.
async fn tables(db: &Client) -> Vec<(String, &'static str)> {
    let sql =
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relkind in ('r', 'p') and (n.nspname = 'practice' or n.nspname = 'identity' and
                   c.relname in ('users', 'idempotency_keys')) order by 1";
    let rows = db.query(sql, &[]).await.expect("the tables");
    let tables: Vec<_> = rows
        .iter()
        .map(|row| row.get::<_, String>(0))
        .map(|table| (table.clone(), if table == "identity.users" { "id" } else { "user_id" }))
        .collect();
    assert!(tables.len() >= 9, "{tables:?}");
    tables
}

#[tokio::test]
async fn nobody_sees_another_persons_rows() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    everything(&stack, &alice).await;
    let keyed = alice.post("/api/v1/scenes", given::new_scene()).header("Idempotency-Key", "k-1").await;
    keyed.assert_status(201);
    given::scene(&bob).await;

    let own = as_role(&stack, "praxis_request", Some(alice.id())).await;
    let other = as_role(&stack, "praxis_request", Some(bob.id())).await;
    let nobody = as_role(&stack, "praxis_request", None).await;
    let login = stack.owner().await;
    for (table, person) in tables(&db).await {
        let of_alice = format!("select count(*) from {table} where {person} = '{}'", alice.id());
        let there = given::count(&db, &of_alice).await;
        assert!(there > 0, "{table} has a row to hide");
        assert_eq!(given::count(&own, &of_alice).await, there, "{table}: its owner sees it");
        assert_eq!(given::count(&other, &of_alice).await, 0, "{table}: another person");
        let all = format!("select count(*) from {table}");
        assert_eq!(given::count(&nobody, &all).await, 0, "{table}: without a claim");
        assert_eq!(given::count(&login, &all).await, 0, "{table}: the login role, which took no role");
        let secured = format!(
            "select count(*) from pg_class where oid = '{table}'::regclass and relrowsecurity and relforcerowsecurity"
        );
        assert_eq!(given::count(&db, &secured).await, 1, "{table}");
    }
}

#[tokio::test]
async fn a_claim_that_is_no_id_is_nobody() {
    let stack = stack().await;
    let (alice, client) = (stack.user(), stack.owner().await);
    given::scene(&alice).await;
    let scenes = "select count(*) from practice.scenes";
    for (name, claim, seen) in [
        ("praxis.user_id", alice.id().to_string(), 1),
        ("praxis.user_id", "x' or true --".to_owned(), 0),
        // The settings of another system in front of the same database.
        ("request.jwt.claim.sub", alice.id().to_string(), 0),
        ("request.jwt.claims", json!({"sub": alice.id()}).to_string(), 0),
    ] {
        given::execute(&client, "begin; set local role praxis_request").await;
        client.execute("select set_config($1, $2, true)", &[&name, &claim]).await.expect("the claim");
        assert_eq!(given::count(&client, scenes).await, seen, "{claim}");
        given::execute(&client, "rollback").await;
    }
}

#[tokio::test]
async fn nobody_writes_into_another_persons_rows() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let owned = everything(&stack, &alice).await;
    given::scene(&bob).await;
    let other = as_role(&stack, "praxis_request", Some(bob.id())).await;

    // What a person may change, changes nothing of another's.
    for update in [
        "practice.scenes set title = 'x'",
        "practice.sessions set state = 'ABANDONED', ended_at = now()",
        "practice.turns set claimed_until = now()",
        "practice.rewrites set accepted = true",
        "practice.summaries set opening_line = 'x'",
        "identity.users set locale = 'en'",
    ] {
        let (table, column) = (
            update.split(' ').next().unwrap_or_default(),
            if update.starts_with("identity") { "id" } else { "user_id" },
        );
        let sql = format!("update {update} where {column} = '{}'", alice.id());
        assert_eq!(other.execute(&sql, &[]).await.unwrap(), 0, "{table}");
    }
    // Nor can a row be made in another's name.
    let (alice, session) = (alice.id(), owned.session);
    for insert in [
        format!("identity.users (id) values ('{}')", Uuid::new_v4()),
        format!(
            "practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal, context,
                              power_dynamic)
             values (gen_random_uuid(), '{alice}', 't', 'CUSTOM', 'PEER', 'TENSE', 'g', 'c', 'PEER_LEVEL')"
        ),
        format!(
            "practice.sessions (id, user_id, scene_id, target_turns)
             values (gen_random_uuid(), '{alice}', '{}', 5)",
            owned.scene
        ),
        format!(
            "practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until)
             values (gen_random_uuid(), '{session}', '{alice}', 2, gen_random_uuid(), 'c', now())"
        ),
        format!(
            "practice.rewrites (id, session_id, user_id, turn_id, rewrite_style, rewritten_content, source)
             values (gen_random_uuid(), '{session}', '{alice}', '{}', 'NEUTRAL', 'r', 'rules')",
            owned.turn
        ),
        format!(
            "practice.summaries (id, session_id, user_id, turn_no, opening_line, request_line)
             values (gen_random_uuid(), '{session}', '{alice}', 1, 'o', 'r')"
        ),
        format!(
            "practice.reflections (id, session_id, user_id, used_in_real_world)
             values (gen_random_uuid(), '{session}', '{alice}', true)"
        ),
        format!("identity.idempotency_keys (user_id, route, key, request_hash) values ('{alice}', 'r', 'k', 'h')"),
    ] {
        // Row-level security speaks before any constraint does.
        let state = refusal(&other, &format!("insert into {insert}")).await;
        assert_eq!(state, SqlState::INSUFFICIENT_PRIVILEGE, "{insert}");
    }
}

#[tokio::test]
async fn a_row_cannot_hang_on_another_persons() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let hers = everything(&stack, &alice).await;
    let his = everything(&stack, &bob).await;
    let other = as_role(&stack, "praxis_request", Some(bob.id())).await;
    let bob = bob.id();
    let (theirs, turn) = (hers.session, hers.turn);
    for insert in [
        format!(
            "practice.sessions (id, user_id, scene_id, target_turns) values (gen_random_uuid(), '{bob}', '{}', 5)",
            hers.scene
        ),
        format!(
            "practice.turns (id, session_id, user_id, turn_no, client_message_id, user_content, claimed_until)
             values (gen_random_uuid(), '{theirs}', '{bob}', 2, gen_random_uuid(), 'c', now())"
        ),
        format!(
            "practice.rewrites (id, session_id, user_id, turn_id, rewrite_style, rewritten_content, source)
             values (gen_random_uuid(), '{}', '{bob}', '{turn}', 'NEUTRAL', 'r', 'rules')",
            his.session
        ),
        format!(
            "practice.rewrites (id, session_id, user_id, turn_id, rewrite_style, rewritten_content, source)
             values (gen_random_uuid(), '{theirs}', '{bob}', '{turn}', 'NEUTRAL', 'r', 'rules')"
        ),
    ] {
        let state = refusal(&other, &format!("insert into {insert}")).await;
        assert_eq!(state, SqlState::FOREIGN_KEY_VIOLATION, "{insert}");
    }
    // One card and one reflection per session would already be a clash here, so these sessions have none yet.
    let db = stack.db().await;
    given::execute(&db, &format!("delete from practice.summaries where session_id = '{theirs}'")).await;
    given::execute(&db, &format!("delete from practice.reflections where session_id = '{theirs}'")).await;
    for insert in [
        format!(
            "practice.summaries (id, session_id, user_id, turn_no, opening_line, request_line)
             values (gen_random_uuid(), '{theirs}', '{bob}', 1, 'o', 'r')"
        ),
        format!(
            "practice.reflections (id, session_id, user_id, used_in_real_world)
             values (gen_random_uuid(), '{theirs}', '{bob}', true)"
        ),
    ] {
        let state = refusal(&other, &format!("insert into {insert}")).await;
        assert_eq!(state, SqlState::FOREIGN_KEY_VIOLATION, "{insert}");
    }
}

#[tokio::test]
async fn a_person_cannot_change_ids_owners_or_times_nor_delete() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    everything(&stack, &alice).await;
    let own = as_role(&stack, "praxis_request", Some(alice.id())).await;
    for (table, columns) in [
        ("practice.scenes", &["id", "user_id", "created_at"][..]),
        ("practice.sessions", &["id", "user_id", "scene_id", "target_turns", "created_at"]),
        (
            "practice.turns",
            &["id", "session_id", "user_id", "turn_no", "client_message_id", "user_content", "created_at"],
        ),
        (
            "practice.rewrites",
            &["id", "session_id", "user_id", "turn_id", "rewritten_content", "source", "created_at"],
        ),
        ("practice.summaries", &["id", "session_id", "user_id", "created_at"]),
        ("practice.reflections", &["id", "session_id", "user_id", "outcome_score", "created_at"]),
        ("practice.weekly_progress", &["user_id", "week_start", "practice_count"]),
        ("identity.users", &["id", "created_at"]),
    ] {
        for column in columns {
            let state = refusal(&own, &format!("update {table} set {column} = {column}")).await;
            assert_eq!(state, SqlState::INSUFFICIENT_PRIVILEGE, "{table}.{column}");
        }
    }
    for (table, _) in tables(&db).await {
        for statement in [format!("delete from {table}"), format!("truncate {table} cascade")] {
            assert_eq!(refusal(&own, &statement).await, SqlState::INSUFFICIENT_PRIVILEGE, "{statement}");
        }
    }
    let weeks = "insert into practice.weekly_progress select * from practice.weekly_progress";
    assert_eq!(refusal(&own, weeks).await, SqlState::INSUFFICIENT_PRIVILEGE);
}

#[tokio::test]
async fn the_service_role_reads_everybody_and_writes_only_its_own_tables() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    everything(&stack, &alice).await;
    everything(&stack, &bob).await;
    let service = as_role(&stack, "praxis_service", None).await;
    for (table, _) in tables(&db).await.into_iter().filter(|(table, _)| table.starts_with("practice.")) {
        let all = format!("select count(*) from {table}");
        assert_eq!(given::count(&service, &all).await, 2, "{table}");
        let refused = refusal(&service, &format!("delete from {table}")).await;
        assert_eq!(refused, SqlState::INSUFFICIENT_PRIVILEGE, "{table}");
        if table != "practice.weekly_progress" {
            let refused = refusal(&service, &format!("update {table} set user_id = user_id")).await;
            assert_eq!(refused, SqlState::INSUFFICIENT_PRIVILEGE, "{table}");
        }
    }
}

#[tokio::test]
async fn erasing_a_person_erases_what_is_theirs_and_nothing_else() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    everything(&stack, &alice).await;
    everything(&stack, &bob).await;
    let service = as_role(&stack, "praxis_service", None).await;
    let erase = format!("delete from identity.users where id = '{}'", alice.id());
    given::execute(&service, &erase).await;
    given::execute(&service, "commit").await;
    for (table, person) in tables(&db).await {
        let of = |person_id: Uuid| format!("select count(*) from {table} where {person} = '{person_id}'");
        assert_eq!(given::count(&db, &of(alice.id())).await, 0, "{table}");
        if table != "identity.idempotency_keys" {
            assert_eq!(given::count(&db, &of(bob.id())).await, 1, "{table}");
        }
    }
}
