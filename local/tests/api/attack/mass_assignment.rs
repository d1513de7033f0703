//! Members that a request has no right to set, over all routes with a body (OWASP API3, "mass assignment").

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{OURS, THEIRS, rows, rows_of, seed_others};
use crate::{Sample, WITH_PROVIDER, openapi, operation, samples, seeded};

/// What no request says of itself.
const MARK: &str = "mass-assigned";
const MOMENT: &str = "1999-01-02T03:04:05Z";

/// Every name that a table or a schema has: the most that somebody who has read the documentation can guess.
async fn names(stack: &local::testkit::Stack, openapi: &Value) -> BTreeSet<String> {
    let sql = "select distinct attname::text from pg_attribute a
               join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
               where c.relkind = 'r' and attnum > 0 and not attisdropped
                 and n.nspname not in ('pg_catalog', 'information_schema')";
    let columns = stack.db().await.query(sql, &[]).await.expect("the columns");
    let mut names: BTreeSet<String> = columns.iter().map(|row| row.get(0)).collect();
    for schema in openapi["components"]["schemas"].as_object().expect("schemas").values() {
        names.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    }
    let guesses =
        ["is_superuser", "is_admin", "admin", "permissions", "scope", "user", "owner", "_id", "__proto__"];
    names.extend(guesses.map(str::to_owned));
    names
}

fn hostile(name: &str) -> Value {
    match name {
        "roles" | "permissions" => json!(["student", "admin"]),
        "role" => json!("admin"),
        _ if name == "id" || name.ends_with("_id") => json!(format!("00000000-0000{THEIRS}000000000001")),
        _ if name.ends_with("_at") || name.ends_with("_until") => json!(MOMENT),
        _ if name.starts_with("is_") || name.ends_with("_verified") || name.contains("admin") => json!(true),
        _ => json!(MARK),
    }
}

/// The members that a request may have.
fn own_members(openapi: &Value, sample: &Sample) -> BTreeSet<String> {
    let mut schema = &operation(openapi, sample)["requestBody"]["content"]["application/json"]["schema"];
    if let Some(reference) = schema["$ref"].as_str() {
        schema = openapi.pointer(reference.trim_start_matches('#')).expect("a schema");
    }
    schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_does_not_own_it_does_not_set() {
    let stack = seeded().await;
    seed_others(&stack).await;
    let (openapi, nobody) = (openapi(), stack.anonymous());
    let names = names(&stack, &openapi).await;
    assert!(names.len() > 100, "{names:?}");
    let theirs = rows_of(&stack, THEIRS).await;
    let mut calls = 0;
    for mut sample in samples(&stack) {
        let Some(body) = sample.event["body"].as_str() else { continue };
        let Ok(Value::Object(mut body)) = serde_json::from_str(body) else { continue };
        let own = own_members(&openapi, &sample);
        for name in names.difference(&own) {
            body.insert(name.clone(), hostile(name));
        }
        sample.event["body"] = json!(Value::Object(body).to_string());
        let before = powers(&stack).await;
        let answer = sample.call(&nobody, true).await;
        calls += 1;
        // Unknown members are passed over, so the sample does what it always does.
        let has_no_provider = WITH_PROVIDER.contains(&sample.function.as_str()) && answer.status() == 503;
        assert!((200..300).contains(&answer.status()) || has_no_provider, "{}: {answer}", sample.function);
        assert!(!answer.text().contains(MARK), "{}: {answer}", sample.function);
        let marked: Vec<String> = rows(&stack)
            .await
            .into_iter()
            .filter(|row| row.contains(MARK) || row.contains("1999-01-02"))
            .collect();
        assert!(marked.is_empty(), "{} stored {marked:?}", sample.function);
        let strange: Vec<String> =
            rows(&stack).await.into_iter().filter(|row| row.contains(OURS) && row.contains(THEIRS)).collect();
        assert!(strange.is_empty(), "{} mixed {strange:?}", sample.function);
        assert_eq!(theirs, rows_of(&stack, THEIRS).await, "{} changed another's rows", sample.function);
        let after = powers(&stack).await;
        // The sample of administration gives a role; that is what it is for.
        assert!(
            sample.function == "update-user" || before.is_subset(&after),
            "{}: {after:?}",
            sample.function
        );
    }
    assert!(calls > 15, "{calls} routes have a body");
}

/// Who may do what, as far as only an administrator or the product itself says.
async fn powers(stack: &local::testkit::Stack) -> BTreeSet<String> {
    let sql = "select format('%s %s %s %s', id, roles, deactivated_at, created_at) from identity.users
               where id::text like '%' || $1 || '%'";
    let rows = stack.db().await.query(sql, &[&OURS]).await.expect("the people");
    rows.iter().map(|row| row.get(0)).collect()
}
