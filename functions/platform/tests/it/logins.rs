//! The logins that functions sign in as: what each may, and what none may.

use local::{
    postgres::connect,
    testkit::{self, Database, Stack},
};
use platform::login;
use serde_json::json;
use shared::database::{Login, LoginSecret};
use tokio_postgres::{Client, error::SqlState};
use uuid::Uuid;

/// Why a statement is refused; whatever it did is undone.
async fn refusal(client: &Client, sql: &str) -> Option<SqlState> {
    let refused = client.batch_execute(&format!("begin; {sql}; rollback")).await.err();
    client.batch_execute("rollback").await.unwrap();
    refused.map(|error| error.code().cloned().unwrap_or_else(|| panic!("{sql}: {error:?}")))
}

async fn assert_denied(client: &Client, who: &str, sql: &str) {
    assert_eq!(refusal(client, sql).await, Some(SqlState::INSUFFICIENT_PRIVILEGE), "{who}: {sql}");
}

/// A connection as each login that functions have.
async fn logins(stack: &Stack) -> [(&'static str, Client); 3] {
    let addresses = stack.addresses().await;
    let client = async |url: &str| connect(url).await.expect("the login is there");
    [
        ("praxis_requests", client(&addresses.requests).await),
        ("praxis_accounts", client(&addresses.accounts).await),
        ("praxis_jobs", client(&addresses.jobs).await),
    ]
}

const ROLES: [&str; 5] = ["praxis_request", "praxis_account", "praxis_service", "praxis_definer", "praxis"];

/// What a login may take, beside nothing.
fn takes(login: &str) -> &'static [&'static str] {
    match login {
        "praxis_requests" => &["praxis_request"],
        "praxis_accounts" => &["praxis_request", "praxis_account"],
        "praxis_jobs" => &["praxis_service"],
        _ => &[],
    }
}

#[tokio::test]
async fn each_takes_its_own_roles_and_no_other() {
    let stack = testkit::stack().await;
    for (login, client) in logins(&stack).await {
        let who: String = client.query_one("select session_user::text", &[]).await.unwrap().get(0);
        assert_eq!(who, login);
        for role in ROLES.into_iter().chain(["postgres", "pg_read_all_data", "pg_write_all_data"]) {
            let refused = refusal(&client, &format!("set local role {role}")).await;
            let wanted = (!takes(login).contains(&role)).then_some(SqlState::INSUFFICIENT_PRIVILEGE);
            assert_eq!(refused, wanted, "{login}: set role {role}");
        }
        let granted =
            "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication or rolinherit
                       from pg_roles where rolname = session_user";
        assert!(!client.query_one(granted, &[]).await.unwrap().get::<_, bool>(0), "{login}");
    }
}

#[tokio::test]
async fn none_owns_changes_or_makes_anything() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    let tables = "select oid::regclass::text from pg_class
                  where relnamespace::regnamespace::text in ('identity', 'practice', 'platform') and relkind = 'r'";
    let tables: Vec<String> = db.query(tables, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(tables.len() > 25, "{tables:?}");
    for (login, client) in logins(&stack).await {
        // Without a role it sees nothing, and with each it changes no more than rows.
        for table in &tables {
            assert_denied(&client, login, &format!("select from {table}")).await;
        }
        for role in takes(login) {
            let who = format!("{login} as {role}");
            for table in &tables {
                for statement in [
                    format!("drop table {table} cascade"),
                    format!("alter table {table} disable row level security"),
                    format!("alter table {table} no force row level security"),
                    format!("truncate {table} cascade"),
                    format!("create policy mine on {table} using (true)"),
                    format!(
                        "create trigger mine after insert on {table} execute function identity.keep_an_admin()"
                    ),
                ] {
                    assert_denied(&client, &who, &format!("set local role {role}; {statement}")).await;
                }
            }
            for statement in [
                "create role backdoor login password 'x'",
                "alter role praxis_jobs password 'x'",
                "grant praxis_service to praxis_requests",
                "grant praxis_account to praxis_requests",
                "create table identity.mine ()",
                "create function identity.mine() returns int language sql as 'select 1'",
                "alter function identity.find_session(bytea, bigint) security invoker",
                "drop function identity.open_request(uuid, uuid, timestamptz)",
                "create schema mine",
                "copy identity.users to program 'cat'",
                "select pg_read_file('/etc/passwd')",
                "select rolpassword from pg_authid",
                "update identity.audit_log set action = 'user.b'",
                "delete from identity.audit_log",
                "delete from platform.migrations",
            ] {
                assert_denied(&client, &who, &format!("set local role {role}; {statement}")).await;
            }
        }
    }
}

#[tokio::test]
async fn requests_reach_nobody_s_secrets_and_nobody_else_s_rows() {
    let stack = testkit::stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    for person in [&alice, &bob] {
        person.patch("/api/v1/me", json!({ "display_name": "Own" })).await.assert_status(200);
    }
    let [(_, requests), (_, accounts), (_, jobs)] = logins(&stack).await;
    let own = format!("set local role praxis_request; select identity.open_request('{}', null)", alice.id());
    for secret in [
        "identity.refresh_tokens",
        "identity.mail_tokens",
        "identity.oidc_attempts",
        "identity.rate_limits",
        "identity.export_parts",
        "identity.audit_log",
        "identity.own_acts",
        "platform.outbox",
        "platform.recent_errors",
    ] {
        assert_denied(&requests, "requests", &format!("{own}; select from {secret}")).await;
    }
    for statement in [
        "select password_hash from identity.passwords",
        "select secret_hash from identity.sign_ins",
        "select token_hash from identity.exports",
        "update identity.users set roles = '{admin}'",
        "update identity.users set deactivated_at = null",
        "insert into platform.outbox (id, topic, dedup_key, payload) values (gen_random_uuid(), 'mail', 'a', '{}')",
        "insert into identity.audit_log (id, action, entity_type) values (gen_random_uuid(), 'user.erased', 'user')",
        "insert into identity.emails (email, user_id) values ('a@b.c', identity.request_user_id())",
        "select identity.forget_attempts('a')",
        "select identity.mirror_supabase()",
        "select * from identity.export_person(identity.request_user_id())",
    ] {
        assert_denied(&requests, "requests", &format!("{own}; {statement}")).await;
    }
    requests.batch_execute(&format!("begin; {own}")).await.unwrap();
    let seen = requests.query("select id from identity.users", &[]).await.unwrap();
    assert_eq!(seen.iter().map(|row| row.get(0)).collect::<Vec<Uuid>>(), [alice.id()]);
    let theirs = "update identity.users set display_name = 'x' where id = $1";
    assert_eq!(requests.execute(theirs, &[&bob.id()]).await.unwrap(), 0);
    requests.batch_execute("rollback").await.unwrap();

    // Accounts know everybody, and nothing of what people write. Jobs sign nobody in.
    for table in ["practice.scenes", "practice.sessions", "practice.turns", "platform.log_batches"] {
        assert_denied(&accounts, "accounts", &format!("set local role praxis_account; select from {table}"))
            .await;
    }
    assert_denied(&accounts, "accounts", "set local role praxis_account; delete from identity.users").await;
    for statement in [
        "insert into identity.passwords (user_id, password_hash) select id, '$argon2id$x' from identity.users",
        "update identity.passwords set password_hash = '$argon2id$x'",
        "insert into identity.sign_ins (id) values (gen_random_uuid())",
        "insert into identity.refresh_tokens (token_hash) values ('a')",
        "insert into identity.external_accounts (provider) values ('google')",
    ] {
        assert_denied(&jobs, "jobs", &format!("set local role praxis_service; {statement}")).await;
    }
}

#[tokio::test]
async fn a_person_records_their_own_acts_and_no_others() {
    let stack = testkit::stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let [(_, requests), ..] = logins(&stack).await;
    let record = |action: &str, entity: &str, id: Uuid| {
        format!("select identity.record_own_act(gen_random_uuid(), '{action}', '{entity}', '{id}', '{{}}')")
    };
    let of = |person: Uuid| {
        format!("set local role praxis_request; select set_config('praxis.user_id', '{person}', true)")
    };
    for refused in [
        record("user.erased", "user", alice.id()),
        record("user.roles_changed", "user", alice.id()),
        record("user.registered", "user", bob.id()),
        record("sign_in.revoked", "sign_in", Uuid::new_v4()),
        record("user.registered", "sign_in", alice.id()),
    ] {
        assert_denied(&requests, "requests", &format!("{}; {refused}", of(alice.id()))).await;
    }
    let nobody = format!("set local role praxis_request; {}", record("user.registered", "user", alice.id()));
    assert_denied(&requests, "requests", &nobody).await;
    let own =
        format!("begin; {}; {}; commit", of(alice.id()), record("export.requested", "user", alice.id()));
    requests.batch_execute(&own).await.unwrap();
    let row = db.query_one("select actor_id, action, entity_id from identity.audit_log", &[]).await.unwrap();
    let (actor, action, entity): (Uuid, String, String) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((actor, action, entity), (alice.id(), "export.requested".to_owned(), alice.id().to_string()));
}

/// The addresses of logins that this test alone makes.
async fn signs_in(database: &Database, role: &str, password: &str) -> bool {
    let addresses = database.addresses().await;
    let at = addresses.requests.rsplit_once('@').map(|(_, place)| place.to_owned()).unwrap();
    connect(&format!("postgres://{role}:{password}@{at}")).await.is_ok()
}

#[tokio::test]
async fn whoever_migrates_makes_the_logins_and_follows_a_rotation() {
    let database = Database::migrated().await;
    let owner = database.owner().await;
    let role = format!("of_a_test_{}", Uuid::new_v4().simple());
    let secret = |password: &str| {
        [(Login::Requests, LoginSecret { role: role.clone(), password: password.to_owned() })]
    };
    login::keep(&owner, &secret("first 'quoted'")).await.unwrap();
    login::keep(&owner, &secret("first")).await.unwrap();
    assert!(signs_in(&database, &role, "first").await);
    login::keep(&owner, &secret("second")).await.unwrap();
    assert!(signs_in(&database, &role, "second").await && !signs_in(&database, &role, "first").await);

    // A role that may more is somebody else's.
    let db = database.superuser().await;
    for (more, less) in [
        (format!("alter role {role} createdb"), format!("alter role {role} nocreatedb")),
        (format!("grant pg_read_all_data to {role}"), format!("revoke pg_read_all_data from {role}")),
        (format!("grant praxis_service to {role}"), format!("revoke praxis_service from {role}")),
    ] {
        db.batch_execute(&more).await.unwrap();
        let refused = login::keep(&owner, &secret("third")).await.unwrap_err().to_string();
        assert!(refused.starts_with(&format!("the login {role} ")), "{refused}");
        db.batch_execute(&less).await.unwrap();
    }
    let own = [(Login::Jobs, LoginSecret { role: "praxis".to_owned(), password: "x".to_owned() })];
    let refused = login::keep(&owner, &own).await.unwrap_err().to_string();
    assert!(refused.contains("is the role that migrates"), "{refused}");
    assert!(signs_in(&database, &role, "second").await);
    db.batch_execute(&format!("drop role {role}")).await.unwrap();
}

#[tokio::test]
async fn the_job_makes_them_from_its_settings_each_time() {
    let stack = testkit::stack().await;
    // As it was made for every stack of this process: setting the same password again breaks nobody's.
    stack.invoke("migrate", json!({})).await;
    let [(login, requests), ..] = logins(&stack).await;
    assert_eq!(login, "praxis_requests");
    requests.batch_execute("begin; set local role praxis_request; rollback").await.unwrap();
}
