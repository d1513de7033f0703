//! What must hold for every function, table and grant of the schema, also for those to come: read off the catalog.

use local::testkit::Database;
use tokio_postgres::Client;

/// Our schemas: all that a migrated database has beyond PostgreSQL's.
const OURS: &str = "select oid from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')";

/// The constructors of a range type, which PostgreSQL makes as its own: they put two values side by side, and no role of ours
/// can take them from anybody.
const MADE_BY_A_TYPE: &str = "exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid and deptype = 'i')";

/// The first column of what a query finds.
async fn found(client: &Client, query: &str) -> Vec<String> {
    let query = query.replace("OURS", OURS).replace("MADE_BY_A_TYPE", MADE_BY_A_TYPE);
    client.query(&query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn none(query: &str, what: &str) {
    let database = Database::migrated().await;
    let found = found(&database.superuser().await, query).await;
    assert!(found.is_empty(), "{what}: {found:#?}");
}

#[tokio::test]
async fn no_function_looks_anything_up_in_a_session_s_own_schema() {
    none(
        "select oid::regprocedure::text from pg_proc
         where pronamespace = any (OURS)
           and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']
           and not MADE_BY_A_TYPE",
        "functions without `set search_path = pg_catalog, pg_temp`",
    )
    .await;
}

#[tokio::test]
async fn nobody_calls_a_function_without_being_named() {
    none(
        "select oid::regprocedure::text from pg_proc
         where pronamespace = any (OURS) and not MADE_BY_A_TYPE
           and exists (select from aclexplode(coalesce(proacl, acldefault('f', proowner))) where grantee = 0)",
        "functions that PUBLIC may execute",
    )
    .await;
}

#[tokio::test]
async fn what_runs_as_its_owner_runs_as_nobody_who_signs_in() {
    none(
        "select pg_proc.oid::regprocedure::text from pg_proc join pg_roles on pg_roles.oid = proowner
         where pronamespace = any (OURS) and prosecdef and (rolcanlogin or rolsuper or rolbypassrls)",
        "security definer functions of an owner who signs in",
    )
    .await;
}

/// Tables in which no person stands.
const OF_NOBODY: &[&str] = &[
    "identity.export_exclusions",
    "identity.export_sides",
    "identity.own_acts",
    "platform.circuit_breakers",
    "platform.log_batches",
    "platform.migrations",
    "platform.recent_errors",
    "platform.request_counts",
];

#[tokio::test]
async fn every_table_of_people_has_row_level_security_forced() {
    let database = Database::migrated().await;
    let client = database.superuser().await;
    let open = "select oid::regclass::text from pg_class
                where relnamespace = any (OURS) and relkind in ('r', 'p') and not (relrowsecurity and relforcerowsecurity)
                order by 1";
    assert_eq!(found(&client, open).await, OF_NOBODY, "a table of people needs row-level security, forced");
    let people = "select attrelid::regclass::text from pg_attribute join pg_class on pg_class.oid = attrelid
                  where relnamespace = any (OURS) and relkind in ('r', 'p') and not relrowsecurity
                    and attname ~ '^(user|person|actor|owner|email)(_id)?$' and attnum > 0";
    assert!(found(&client, people).await.is_empty());
}

#[tokio::test]
async fn a_request_s_policies_are_about_its_own_person() {
    none(
        "select format('%s on %s', polname, polrelid::regclass) from pg_policy
         join pg_class on pg_class.oid = polrelid
         where relnamespace = any (OURS) and polpermissive
           and ('praxis_request'::regrole = any (polroles) or 0 = any (polroles))
           and (coalesce(pg_get_expr(polqual, polrelid), 'request_user_id') !~ 'request_user_id'
                or coalesce(pg_get_expr(polwithcheck, polrelid), 'request_user_id') !~ 'request_user_id')",
        "policies for requests that do not ask who calls",
    )
    .await;
}

#[tokio::test]
async fn nothing_is_granted_to_public_or_to_another_system_s_roles() {
    none(
        "with things as (
             select 'schema ' || nspname as thing, nspacl as acl from pg_namespace where oid = any (OURS)
             union all select oid::regclass::text, relacl from pg_class where relnamespace = any (OURS)
             union all
             select format('%s.%I', attrelid::regclass, attname), attacl
             from pg_attribute join pg_class on pg_class.oid = attrelid where relnamespace = any (OURS)
             union all
             select oid::regprocedure::text, proacl from pg_proc where pronamespace = any (OURS) and not MADE_BY_A_TYPE
         )
         select format('%s on %s to %s', privilege_type, thing, case grantee when 0 then 'public' else grantee::regrole::text end)
         from things, aclexplode(acl)
         where grantee = 0 or grantee::regrole::text !~ '^praxis(_|$)'
         union all
         select format('policy %s on %s', polname, polrelid::regclass)
         from pg_policy join pg_class on pg_class.oid = polrelid
         where relnamespace = any (OURS)
           and exists (select from unnest(polroles) as member where member = 0 or member::regrole::text !~ '^praxis_')",
        "rights of somebody else",
    )
    .await;
}
