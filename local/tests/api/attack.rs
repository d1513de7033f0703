//! What was tried against the product and held, for every route of the template: whoever writes the next one is attacked
//! too. The suite is bounded and stays on this machine; `docs/security.md` says which promise each part keeps.

mod forgery;
mod fuzz;
mod isolation;
mod mass_assignment;
mod session;

use std::collections::BTreeSet;

use local::testkit::Stack;
use serde_json::Value;

use crate::{OPERATIONS, PUBLIC, Sample, WITH_PROVIDER};

/// What every id of the sample rows has in its middle, and what the ids of the other people have there.
const OURS: &str = "-7000-8000-";
const THEIRS: &str = "-7000-9000-";

/// Whether a route must know who calls.
fn is_guarded(sample: &Sample) -> bool {
    ![&PUBLIC[..], &OPERATIONS, &WITH_PROVIDER].iter().any(|list| list.contains(&sample.function.as_str()))
}

/// The sample rows again, as other people's: with ids, addresses, secrets and texts of their own.
async fn seed_others(stack: &Stack) {
    let file = local::project::root().join("local/seed.sql");
    let seed = std::fs::read_to_string(file).expect("local/seed.sql");
    stack.owner().await.batch_execute(&as_others(&seed)).await.expect("the others' rows");
}

fn as_others(seed: &str) -> String {
    let statements: Vec<&str> = seed.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let statements = statements.join("\n");
    // What stands between quotes is every second part. A text for readers begins with a capital and has a blank.
    let parts = statements.split('\'').enumerate().map(|(n, part)| {
        let is_text = n % 2 == 1 && part.starts_with(char::is_uppercase) && part.contains(' ');
        if is_text { part.to_uppercase() } else { part.to_owned() }
    });
    let others =
        parts.collect::<Vec<_>>().join("'").replace(OURS, THEIRS).replace("example.org", "example.net");
    others
        .replace("sample-export-sample-export-samp", "others-export-others-export-othe")
        .replace("'sample ", "'others ")
        .replace("'sample-", "'others-")
}

/// Every row of every table that names one of these people's ids and none of the other's, as text.
async fn rows_of(stack: &Stack, family: &str) -> BTreeSet<String> {
    let other = if family == OURS { THEIRS } else { OURS };
    rows(stack).await.into_iter().filter(|row| row.contains(family) && !row.contains(other)).collect()
}

/// Every row of every table of the product, as its table's name and JSON.
async fn rows(stack: &Stack) -> Vec<String> {
    let db = stack.db().await;
    let tables = "select format('%I.%I', n.nspname, c.relname)
                  from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where c.relkind in ('r', 'p') and not c.relispartition
                    and n.nspname not in ('pg_catalog', 'information_schema')";
    let mut rows = Vec::new();
    for table in db.query(tables, &[]).await.expect("the tables") {
        let table: String = table.get(0);
        let sql = format!("select '{table} ' || to_jsonb(held)::text from {table} as held");
        rows.extend(db.query(&sql, &[]).await.expect("its rows").iter().map(|row| row.get::<_, String>(0)));
    }
    rows
}

/// All texts within a JSON value.
fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}
