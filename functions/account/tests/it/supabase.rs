//! The mirror of Supabase's `auth.users`, on a database that has that schema.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

use local::testkit::Database;
use platform::migration::{self, Migrations};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

/// A database as Supabase makes it: its schema belongs to its own role, and the people are there before Praxis is.
struct Supabase {
    database: Database,
    superuser: Client,
    /// As Praxis signs in.
    praxis: Client,
}

/// Supabase's own role, which writes `auth.users` and has no right on anything of Praxis.
const WRITER: &str = "auth_admin_of_tests";

/// What the migrating role needs, and `postgres` of a Supabase project has.
const RIGHTS: &str = "grant usage on schema auth to praxis; grant select, trigger on auth.users to praxis";

async fn supabase() -> Supabase {
    let database = Database::empty().await;
    let (superuser, praxis) = (database.superuser().await, database.owner().await);
    let schema = format!(
        "do $$ begin
             create role {WRITER} nologin;
         exception when duplicate_object or unique_violation then
             null; -- another test made it
         end $$;
         create schema auth authorization {WRITER};
         set role {WRITER};
         create table auth.users (
             id uuid primary key,
             email varchar(255),
             raw_user_meta_data jsonb,
             last_sign_in_at timestamptz
         );
         reset role;"
    );
    superuser.batch_execute(&schema).await.unwrap();
    Supabase { database, superuser, praxis }
}

impl Supabase {
    /// With Praxis' migrations, run by its own role with the rights that it needs.
    async fn migrated() -> Supabase {
        let supabase = supabase().await;
        supabase.superuser.batch_execute(RIGHTS).await.unwrap();
        migration::up(&supabase.praxis).await.unwrap();
        supabase
    }

    /// Runs a statement as Supabase does.
    async fn write(&self, sql: &str) {
        let sql = format!("set role {WRITER}; {sql}; reset role");
        self.superuser.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    async fn sign_up(&self, email: &str, metadata: &str) -> Uuid {
        let id = Uuid::new_v4();
        self.write(&format!("insert into auth.users values ('{id}', {email}, {metadata})")).await;
        id
    }

    /// The person's address and name here.
    async fn person(&self, id: Uuid) -> Option<(String, Option<String>)> {
        let sql = "select email, display_name from identity.users where id = $1";
        let found = self.superuser.query_opt(sql, &[&id]).await.unwrap();
        found.map(|row| (row.get(0), row.get(1)))
    }

    /// Calls the mirror as Praxis' own role.
    async fn mirror(&self) -> Result<Option<i64>, tokio_postgres::Error> {
        Ok(self.praxis.query_one("select identity.mirror_supabase()", &[]).await?.get(0))
    }
}

fn person(email: &str, name: &str) -> Option<(String, Option<String>)> {
    Some((email.to_owned(), Some(name.to_owned())))
}

#[tokio::test]
async fn who_was_there_before_is_here_after_the_migration() {
    let supabase = supabase().await;
    supabase.superuser.batch_execute(RIGHTS).await.unwrap();
    let mia = supabase.sign_up("'Mia@Example.org'", r#"'{"full_name": " Mia \n Lee "}'"#).await;
    let phone = supabase.sign_up("null", "null").await;
    migration::up(&supabase.praxis).await.unwrap();
    assert_eq!(supabase.person(mia).await, person("mia@example.org", "Mia  Lee"));
    // The same stand-ins as for somebody who comes with a token first.
    assert_eq!(supabase.person(phone).await, person(&format!("{phone}@local.user"), "User"));
}

#[tokio::test]
async fn sign_up_and_deletion_by_a_role_without_rights_here_are_followed() {
    let supabase = Supabase::migrated().await;
    let direct = format!("set role {WRITER}; delete from identity.users");
    let refused = supabase.superuser.batch_execute(&direct).await.unwrap_err();
    assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{refused}");
    supabase.superuser.batch_execute("reset role").await.unwrap();

    let mia = supabase.sign_up("'mia@example.org'", r#"'{"full_name": "Mia"}'"#).await;
    let ben = supabase.sign_up("'ben@example.org'", r#"'{"full_name": "Ben"}'"#).await;
    assert_eq!(supabase.person(mia).await, person("mia@example.org", "Mia"));

    let scene =
        "insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level,
                                              goal, context, power_dynamic)
                 values ($1, $1, 'x', 'CUSTOM', 'PEER', 'SMOOTH', 'x', 'x', 'PEER_LEVEL')";
    supabase.superuser.execute(scene, &[&mia]).await.unwrap();
    supabase.write(&format!("delete from auth.users where id = '{mia}'")).await;
    assert_eq!(supabase.person(mia).await, None);
    assert!(supabase.superuser.query("select from practice.scenes", &[]).await.unwrap().is_empty());
    assert_eq!(supabase.person(ben).await, person("ben@example.org", "Ben"));
    let acts = supabase
        .superuser
        .query("select action, entity_id, actor_id from identity.audit_log order by occurred_at", &[]);
    let acts: Vec<(String, String, Option<Uuid>)> =
        acts.await.unwrap().iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let act = |action: &str, person: Uuid| (action.to_owned(), person.to_string(), None);
    assert_eq!(acts, [act("user.registered", mia), act("user.registered", ben), act("user.erased", mia)]);
}

#[tokio::test]
async fn a_deletion_there_is_followed_also_of_the_last_admin() {
    let supabase = Supabase::migrated().await;
    let mia = supabase.sign_up("'mia@example.org'", "null").await;
    let appoint = "update identity.users set roles = '{student,admin}' where id = $1";
    supabase.superuser.execute(appoint, &[&mia]).await.unwrap();
    supabase.write(&format!("delete from auth.users where id = '{mia}'")).await;
    assert_eq!(supabase.person(mia).await, None);
}

#[tokio::test]
async fn whoever_was_erased_here_does_not_come_back_by_the_mirror() {
    let supabase = Supabase::migrated().await;
    let mia = supabase.sign_up("'mia@example.org'", "null").await;
    let erase = "delete from identity.users where id = $1";
    supabase.superuser.execute(erase, &[&mia]).await.unwrap();
    let act = "insert into identity.audit_log (id, action, entity_type, entity_id)
               values (gen_random_uuid(), 'user.erased', 'user', $1)";
    supabase.superuser.execute(act, &[&mia.to_string()]).await.unwrap();
    supabase.superuser.batch_execute("select identity.mirror_supabase()").await.unwrap();
    assert_eq!(supabase.person(mia).await, None);
}

#[tokio::test]
async fn an_address_follows_and_a_name_only_while_the_person_has_not_changed_it() {
    let supabase = Supabase::migrated().await;
    let mia = supabase.sign_up("'mia@example.org'", r#"'{"full_name": "Mia"}'"#).await;
    let rename = |name: &str, email: &str| {
        format!(
            r#"update auth.users set raw_user_meta_data = '{{"full_name": "{name}"}}', email = '{email}' where id = '{mia}'"#
        )
    };
    supabase.write(&rename("Mia Lee", "lee@example.org")).await;
    assert_eq!(supabase.person(mia).await, person("lee@example.org", "Mia Lee"));

    let mine = "update identity.users set display_name = 'Captain' where id = $1";
    supabase.superuser.execute(mine, &[&mia]).await.unwrap();
    supabase.write(&rename("Mia Ray", "ray@example.org")).await;
    assert_eq!(supabase.person(mia).await, person("ray@example.org", "Captain"));

    let removed = "update identity.users set display_name = null where id = $1";
    supabase.superuser.execute(removed, &[&mia]).await.unwrap();
    supabase.write(&rename("Mia", "mia@example.org")).await;
    assert_eq!(supabase.person(mia).await, Some(("mia@example.org".to_owned(), None)));

    // Who signs in here with an address keeps that one.
    let own = "insert into identity.emails (email, user_id) values ('own@example.org', $1)";
    supabase.superuser.execute(own, &[&mia]).await.unwrap();
    supabase.write(&rename("Mia", "other@example.org")).await;
    assert_eq!(supabase.mirror().await.unwrap(), Some(0));
    assert_eq!(supabase.person(mia).await, Some(("mia@example.org".to_owned(), None)));
}

#[tokio::test]
async fn nothing_in_auth_can_make_a_sign_up_fail() {
    let supabase = Supabase::migrated().await;
    let long = format!(r#"'{{"full_name": "{}"}}'"#, "名".repeat(500));
    let long = supabase.sign_up("''", &long).await;
    assert_eq!(supabase.person(long).await, person(&format!("{long}@local.user"), &"名".repeat(120)));
    for metadata in [r#"'[]'"#, r#"'{"full_name": {"a": 1}}'"#, r#"'{"full_name": " \u0001 "}'"#, "'null'"] {
        let id = supabase.sign_up("'same@example.org'", metadata).await;
        assert_eq!(supabase.person(id).await, person("same@example.org", "User"), "{metadata}");
    }
    // Somebody whose token came first keeps their row.
    let early = Uuid::new_v4();
    let row = "insert into identity.users (id, email, display_name) values ($1, 'old@example.org', 'Early')";
    supabase.superuser.execute(row, &[&early]).await.unwrap();
    supabase.write(&format!("insert into auth.users values ('{early}', 'new@example.org', '{{}}')")).await;
    assert_eq!(supabase.person(early).await, person("new@example.org", "Early"));
}

#[tokio::test]
async fn the_schema_may_come_later_and_the_mirror_may_be_repeated() {
    let database = Database::migrated().await;
    let praxis = database.owner().await;
    let none: Option<i64> = praxis.query_one("select identity.mirror_supabase()", &[]).await.unwrap().get(0);
    assert_eq!(none, None, "there is no Supabase");

    let supabase = supabase().await;
    migration::up(&supabase.praxis).await.expect("without rights on auth it migrates all the same");
    let mia = supabase.sign_up("'mia@example.org'", r#"'{"full_name": "Mia"}'"#).await;
    assert_eq!(supabase.person(mia).await, None);
    let refused = supabase.mirror().await.unwrap_err();
    let refused = refused.as_db_error().unwrap();
    assert_eq!(refused.code(), &SqlState::INSUFFICIENT_PRIVILEGE);
    let hint = refused.hint().expect("what to grant").to_owned();
    assert_eq!(hint, RIGHTS);

    supabase.superuser.batch_execute(&hint).await.unwrap();
    assert_eq!(supabase.mirror().await.unwrap(), Some(1));
    assert_eq!(supabase.person(mia).await, person("mia@example.org", "Mia"));
    assert_eq!(supabase.mirror().await.unwrap(), Some(0), "a second time adds nobody");
    let ben = supabase.sign_up("'ben@example.org'", r#"'{"full_name": "Ben"}'"#).await;
    assert_eq!(supabase.person(ben).await, person("ben@example.org", "Ben"));
    let triggers = "select from pg_trigger where tgrelid = 'auth.users'::regclass and not tgisinternal";
    assert_eq!(supabase.superuser.query(triggers, &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn people_hidden_by_row_level_security_are_not_passed_over_in_silence() {
    let supabase = Supabase::migrated().await;
    supabase.superuser.batch_execute("alter table auth.users enable row level security").await.unwrap();
    let refused = supabase.mirror().await.unwrap_err();
    assert_eq!(refused.as_db_error().unwrap().hint(), Some("alter role praxis bypassrls"));
    // The trigger does not read the table and goes on.
    let mia = supabase.sign_up("'mia@example.org'", "null").await;
    assert!(supabase.person(mia).await.is_some());
}

#[tokio::test]
async fn nobody_but_the_owner_may_call_the_mirror() {
    let supabase = Supabase::migrated().await;
    for role in ["praxis_request", "praxis_service", WRITER] {
        for call in [
            "identity.mirror_supabase()",
            "identity.mirror_supabase_user('00000000-0000-0000-0000-000000000000', 'x', null)",
        ] {
            let sql = format!("set role {role}; select {call}");
            let refused = supabase.superuser.batch_execute(&sql).await.unwrap_err();
            assert_eq!(refused.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{role} {call}: {refused}");
            supabase.superuser.batch_execute("reset role").await.unwrap();
        }
    }
    let right = "select has_schema_privilege('praxis_definer', 'identity', 'create')";
    assert!(!supabase.superuser.query_one(right, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn whoever_writes_auth_users_runs_nothing_as_the_mirror() {
    let supabase = Supabase::migrated().await;
    // A type of the writer's own temporary schema, which a name without a schema would find before PostgreSQL's.
    for name in ["text", "uuid", "jsonb", "bool", "name"] {
        let planted = format!(
            "set role {WRITER};
             create table if not exists pg_temp.loot (t pg_catalog.text);
             grant all on pg_temp.loot to public;
             create or replace function pg_temp.evil() returns pg_catalog.bool language plpgsql as $$ begin
                 execute 'insert into ' || (select nspname from pg_catalog.pg_namespace
                                            where oid = pg_catalog.pg_my_temp_schema())
                         || '.loot select current_user';
                 return true;
             end $$;
             create domain pg_temp.{name} as pg_catalog.{name} check (pg_temp.evil());
             insert into auth.users values (pg_catalog.gen_random_uuid(), 'm@example.org', '{{}}');
             update auth.users set email = 'n@example.org';
             delete from auth.users;
             reset role"
        );
        supabase.superuser.batch_execute(&planted).await.unwrap();
        let loot: Vec<String> = supabase
            .superuser
            .query("select t from pg_temp.loot", &[])
            .await
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(loot.iter().all(|who| who == WRITER), "{name}: {loot:?}");
        supabase.superuser.batch_execute(&format!("drop domain pg_temp.{name}")).await.unwrap();
    }
}

#[tokio::test]
async fn the_way_down_takes_the_trigger_along_and_leaves_the_people() {
    let supabase = Supabase::migrated().await;
    let mia = supabase.sign_up("'mia@example.org'", "null").await;
    let later = Migrations::embedded().unwrap().list().iter().filter(|m| m.version() >= 9).count();
    migration::down(&supabase.praxis, later).await.unwrap();
    assert!(supabase.person(mia).await.is_some());
    let ben = supabase.sign_up("'ben@example.org'", "null").await;
    assert_eq!(supabase.person(ben).await, None);
    let left = "select proname::text from pg_proc where proname like '%supabase%'";
    assert!(supabase.superuser.query(left, &[]).await.unwrap().is_empty());

    migration::up(&supabase.praxis).await.unwrap();
    assert!(supabase.person(ben).await.is_some());
    drop(supabase.database);
}
