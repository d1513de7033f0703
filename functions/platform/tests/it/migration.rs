//! The migration engine on a real database, and the schema's way up and down.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and clippy spares only the test functions"
)]

use local::testkit::Database;
use platform::migration::{self, Migrations, State};
use tokio_postgres::Client;

const ONE: (&str, &str) = ("create table one (id int)", "drop table one");
const TWO: (&str, &str) = ("create table two (id int)", "drop table two");

/// Migrations 1, 2, … named `step`, from (up, down).
fn set(steps: &[(&str, &str)]) -> Migrations {
    let names: Vec<_> = (1..=steps.len())
        .flat_map(|number| ["up", "down"].map(|direction| format!("{number:04}_step.{direction}.sql")))
        .collect();
    let texts = steps.iter().flat_map(|(up, down)| [*up, *down]);
    Migrations::from_files(names.iter().map(String::as_str).zip(texts)).unwrap()
}

async fn states(migrations: &Migrations, client: &Client) -> Vec<State> {
    migrations.status(client).await.unwrap().iter().map(|status| status.state).collect()
}

async fn tables(client: &Client) -> Vec<String> {
    let query = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn up_applies_what_is_pending_and_down_reverts_the_latest() {
    let database = Database::empty().await;
    let client = database.owner().await;
    let both = set(&[ONE, TWO]);
    assert_eq!(states(&both, &client).await, [State::Pending, State::Pending]);

    assert_eq!(set(&[ONE]).up(&client).await.unwrap().len(), 1);
    assert_eq!(states(&both, &client).await, [State::Applied, State::Pending]);
    let done = both.up(&client).await.unwrap();
    assert_eq!(done.iter().map(|done| done.label.as_str()).collect::<Vec<_>>(), ["0002_step"]);
    assert_eq!(tables(&client).await, ["one", "two"]);
    assert!(both.up(&client).await.unwrap().is_empty());

    assert_eq!(both.down(&client, 1).await.unwrap()[0].label, "0002_step");
    assert_eq!(tables(&client).await, ["one"]);
    assert_eq!(both.down(&client, 9).await.unwrap().len(), 1);
    assert!(tables(&client).await.is_empty());
    assert!(both.down(&client, 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_failure_names_its_place_and_keeps_what_came_before() {
    let database = Database::empty().await;
    let client = database.owner().await;
    let broken = ("create table two (id int);\ninsert into\n  nowhere values (1)", "");
    let error = set(&[ONE, broken]).up(&client).await.unwrap_err().to_string();
    assert!(error.starts_with("migrations/0002_step.up.sql:3:3: "), "{error}");
    assert!(error.contains("nowhere"), "{error}");
    assert_eq!(tables(&client).await, ["one"], "the failed one left nothing");
    // The lock is free again and the run can be repeated with the mistake mended.
    assert_eq!(set(&[ONE, TWO]).up(&client).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_failure_on_the_way_down_keeps_the_migration() {
    let database = Database::empty().await;
    let client = database.owner().await;
    let stuck = set(&[ONE, (TWO.0, "drop table nowhere")]);
    stuck.up(&client).await.unwrap();
    let error = stuck.down(&client, 2).await.unwrap_err().to_string();
    assert!(error.starts_with("migrations/0002_step.down.sql"), "{error}");
    assert_eq!(states(&stuck, &client).await, [State::Applied, State::Applied]);
}

#[tokio::test]
async fn a_changed_migration_stops_the_run() {
    let database = Database::empty().await;
    let client = database.owner().await;
    set(&[ONE]).up(&client).await.unwrap();
    let changed = set(&[("create table one (id bigint)", ONE.1), TWO]);
    assert_eq!(states(&changed, &client).await, [State::Changed, State::Pending]);
    for error in [changed.up(&client).await.unwrap_err(), changed.down(&client, 1).await.unwrap_err()] {
        assert!(error.to_string().contains("0001_step was changed"), "{error}");
    }
    assert_eq!(tables(&client).await, ["one"]);
}

#[tokio::test]
async fn an_unknown_or_skipped_version_stops_the_run() {
    let database = Database::empty().await;
    let client = database.owner().await;
    let both = set(&[ONE, TWO]);
    both.up(&client).await.unwrap();
    let older = set(&[ONE]);
    assert_eq!(states(&older, &client).await, [State::Applied, State::Unknown]);
    let error = older.up(&client).await.unwrap_err().to_string();
    assert!(error.contains("0002_step") && error.contains("does not know"), "{error}");

    client.execute("delete from platform.migrations where version = 1", &[]).await.unwrap();
    let error = both.up(&client).await.unwrap_err().to_string();
    assert!(error.contains("0001_step is not applied"), "{error}");
}

#[tokio::test]
async fn of_two_runs_at_once_the_second_finds_nothing_to_do() {
    let database = Database::empty().await;
    let (one, other) = (database.owner().await, database.owner().await);
    let slow = set(&[("select pg_sleep(0.3); create table one (id int)", ONE.1)]);
    let (first, second) = tokio::join!(slow.up(&one), slow.up(&other));
    assert_eq!(first.unwrap().len() + second.unwrap().len(), 1);
}

#[tokio::test]
async fn the_schema_goes_up_down_and_up_again() {
    let database = Database::empty().await;
    let client = database.owner().await;
    let count = Migrations::embedded().unwrap().list().len();
    assert!(!migration::is_current(&client).await.unwrap());
    assert_eq!(migration::up(&client).await.unwrap().len(), count);
    assert!(migration::is_current(&client).await.unwrap());
    let before = schema(&client).await;

    assert_eq!(migration::down(&client, count).await.unwrap().len(), count);
    let left = "select nspname::text from pg_namespace
                 where nspname !~ '^pg_' and nspname not in ('information_schema', 'public', 'platform')";
    let left: Vec<String> = client.query(left, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert!(left.is_empty(), "the way down left {left:?}");
    let relations =
        "select count(*) from pg_class where relnamespace = 'platform'::regnamespace and relkind = 'r'";
    assert_eq!(
        client.query_one(relations, &[]).await.unwrap().get::<_, i64>(0),
        1,
        "only the bookkeeping is left"
    );

    migration::up(&client).await.unwrap();
    assert_eq!(schema(&client).await, before);
}

/// Columns, policies and grants as text, to compare two states of the schema.
async fn schema(client: &Client) -> Vec<String> {
    let query = "
        select concat_ws(' ', table_schema, table_name, column_name, data_type, is_nullable, column_default)
          from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')
        union all
        select concat_ws(' ', schemaname, tablename, policyname, roles, cmd, qual, with_check) from pg_policies
        union all
        select concat_ws(' ', oid::regclass, relacl) from pg_class where relnamespace::regnamespace::text !~ '^pg_'
        order by 1";
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_person_sees_and_writes_only_their_own_row() {
    let database = Database::migrated().await;
    let mut client = database.owner().await;
    let (alice, bob) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    let all = database.superuser().await;
    all.execute("insert into identity.users (id, email) values ($1, 'x@y'), ($2, 'x@y')", &[&alice, &bob])
        .await
        .unwrap();

    let request = client.transaction().await.unwrap();
    request.batch_execute("set local role praxis_request").await.unwrap();
    let subject = "select set_config('praxis.user_id', $1, true)";
    request.execute(subject, &[&alice.to_string()]).await.unwrap();
    let rows = request.query("select id from identity.users", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<uuid::Uuid>>(), [alice]);
    let update = "update identity.users set display_name = 'B' where id = $1";
    assert_eq!(request.execute(update, &[&bob]).await.unwrap(), 0);
    assert_eq!(request.execute(update, &[&alice]).await.unwrap(), 1);
    let foreign = "insert into identity.users (id) values (gen_random_uuid())";
    let refused = request.execute(foreign, &[]).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "42501");
    request.rollback().await.unwrap();

    // The owner is held too: without a person it sees nobody.
    assert!(client.query("select id from identity.users", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_caller_s_id_comes_from_the_product_s_own_setting_and_is_never_an_error() {
    let database = Database::migrated().await;
    let client = database.owner().await;
    let id = "0199aabb-0000-7000-8000-000000000001";
    let found = Some(uuid::Uuid::parse_str(id).unwrap());
    let claims = format!(r#"{{"sub": "{id}"}}"#);
    // What PostgREST sets for its callers, in a database that we share with it, says nothing here.
    let theirs =
        "select set_config('request.jwt.claim.sub', $1, false), set_config('request.jwt.claims', $2, false)";
    client.query(theirs, &[&id, &claims]).await.unwrap();
    for (own, expected) in [
        (id, found),
        (&format!(" {id} "), found),
        ("", None),
        ("  ", None),
        ("not-a-uuid", None),
        ("x' or true --", None),
        (&claims, None),
    ] {
        client.query("select set_config('praxis.user_id', $1, false)", &[&own]).await.unwrap();
        let row = client.query_one("select identity.request_user_id()", &[]).await.unwrap();
        assert_eq!(row.get::<_, Option<uuid::Uuid>>(0), expected, "{own:?}");
    }
}
