//! Another's objects, over all routes: one's own ids and another's mixed in every way.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{OURS, THEIRS, is_guarded, rows, rows_of, seed_others, texts};
use crate::{ADMIN, Sample, samples, seeded};

/// Ids that a client makes up: another's here points at nothing.
const MADE_BY_CLIENTS: [&str; 1] = ["client_message_id"];

/// A teacher, for whom anybody may wait, slots on offer, which are anybody's to book, and plans, which are anybody's to buy.
const OF_EVERYBODY: [&str; 6] =
    ["000000000091", "000000000101", "000000000102", "000000000174", "000000000181", "000000000182"];

fn is_of_everybody(id: &str) -> bool {
    OF_EVERYBODY.iter().any(|thing| id.ends_with(thing))
}

/// The distinct ids of the sample people that an event names outside its headers.
fn ids(sample: &Sample) -> Vec<String> {
    let event = &sample.event;
    let parts = [&event["path"], &event["body"], &event["multiValueQueryStringParameters"]];
    let text = parts.map(ToString::to_string).join(" ");
    let places = text.match_indices(OURS).map(|(at, _)| text[at - 13..at + OURS.len() + 12].to_owned());
    let mut ids: Vec<String> = places.collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The call of the other person of the same number, who names `swapped` by the ids of their own things.
fn as_other(sample: &Sample, swapped: &[&String]) -> Sample {
    let mut event = sample.event.clone();
    for part in ["headers", "multiValueHeaders"] {
        event[part] = replaced(&event[part], OURS, THEIRS);
    }
    for id in swapped {
        for part in ["path", "pathParameters", "body", "multiValueQueryStringParameters"] {
            event[part] = replaced(&event[part], id, &id.replace(OURS, THEIRS));
        }
    }
    Sample {
        event,
        function: sample.function.clone(),
        method: sample.method.clone(),
        path: sample.path.clone(),
    }
}

fn replaced(value: &Value, from: &str, to: &str) -> Value {
    serde_json::from_str(&value.to_string().replace(from, to)).expect("JSON stays JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reaches_another_s_rows_by_mixing_ids() {
    let stack = seeded().await;
    seed_others(&stack).await;
    let nobody = stack.anonymous();
    let ours = rows_of(&stack, OURS).await;
    // What a sample sends is stored as the caller's own.
    let sent: String = samples(&stack).iter().map(|sample| sample.event["body"].to_string()).collect();
    let mut secrets = words_of(&ours, &rows_of(&stack, THEIRS).await);
    secrets.retain(|secret| !sent.contains(secret) && !is_of_everybody(secret));
    assert!(secrets.len() > 10, "the sample people have words of their own: {secrets:?}");
    let mut calls = 0;
    for sample in samples(&stack).into_iter().filter(is_guarded) {
        // Who comes by a cookie names nothing but what the cookie opens.
        let has_cookie = !sample.event["headers"]["Cookie"].is_null();
        if ADMIN.contains(&sample.function.as_str()) || has_cookie {
            continue;
        }
        let ids = ids(&sample);
        // The last one swaps all: the other person's own call, which shows that the mixed ones were calls at all.
        for mask in 0..1_u32 << ids.len() {
            let swapped: Vec<&String> =
                ids.iter().enumerate().filter(|(n, _)| mask >> n & 1 == 1).map(|(_, id)| id).collect();
            let is_of_everybody =
                |id: &str| OF_EVERYBODY.iter().any(|slot| id.replace('-', "").ends_with(slot));
            if ids.iter().any(|id| is_of_everybody(id) && !swapped.contains(&id)) {
                continue;
            }
            let call = as_other(&sample, &swapped);
            let path = call.event["path"].as_str().expect("a path");
            let answer = call.call(&nobody, true).await;
            calls += 1;
            let what = format!("{}, own {swapped:?}: {answer}", sample.function);
            assert!(answer.status() < 500, "{what}");
            if path.contains(OURS) {
                answer.assert_status(404);
            }
            if swapped.len() == ids.len() {
                assert!((200..300).contains(&answer.status()), "{what}");
            }
            let (said, asked) = (answer.text(), call.event.to_string());
            let leaked: Vec<&String> =
                secrets.iter().filter(|secret| said.contains(*secret) && !asked.contains(*secret)).collect();
            assert!(leaked.is_empty(), "{what} tells {leaked:?}");
            let now = rows_of(&stack, OURS).await;
            let changed: Vec<_> = ours.symmetric_difference(&now).collect();
            assert!(changed.is_empty(), "{what} changed {changed:?}");
            for row in rows(&stack).await.iter().filter(|row| row.contains(OURS) && row.contains(THEIRS)) {
                let (table, record) = row.split_once(' ').expect("a table's name");
                let mut record: Value = serde_json::from_str(record).expect("a row");
                for name in MADE_BY_CLIENTS {
                    record[name] = Value::Null;
                }
                // What was answered is kept word for word, also when it repeats what was asked.
                let is_kept_answer = table == "identity.idempotency_keys";
                assert!(!record.to_string().contains(OURS) || is_kept_answer, "{what} made {row}");
            }
            seed_others(&stack).await;
        }
    }
    assert!(calls > 40, "{calls} calls are too few to mean something");
}

/// Texts and ids that only these rows have.
fn words_of(rows: &BTreeSet<String>, others: &BTreeSet<String>) -> BTreeSet<String> {
    let words = |rows: &BTreeSet<String>| {
        let mut found = BTreeSet::new();
        for row in rows {
            let (_, record) = row.split_once(' ').expect("a table's name");
            texts(&serde_json::from_str(record).expect("a row"), &mut found);
        }
        found
    };
    let theirs = words(others);
    // Short ones are codes and states. Times and addresses of devices say nothing of whose they are.
    let is_word = |text: &String| text.len() >= 12 && !theirs.contains(text) && !text.starts_with("20");
    words(rows).into_iter().filter(is_word).collect()
}
