//! record-metrics.

use local::testkit;
use serde_json::{Value, json};

use crate::log_lines::{delivery, request};

#[tokio::test]
async fn lines_are_counted_and_others_ignored() {
    let stack = testkit::stack().await;
    let lines = [
        request("GET", "/a", 200, 3.0, 0),
        request("GET", "/a", 200, 2000.0, 1),
        json!({ "type": "job" }),
        json!("START RequestId: 1"),
        request("GET", "/a", 500, 7.0, 2),
    ];
    let answer = stack.invoke("record-metrics", delivery("one", &lines)).await;
    assert_eq!(answer, json!({ "requests": 3, "ignored": 2, "duplicate": false }));
    stack.invoke("record-metrics", delivery("two", &lines[..1])).await;

    let db = stack.db().await;
    let sums = "select requests, slow_requests, cold_starts, ai_calls, latency_ms_sum, latency_ms_max, latency_buckets
                from platform.request_counts where method = 'GET' and route = '/a' and status_code = 200";
    let row = db.query_one(sums, &[]).await.unwrap();
    let numbers: Vec<i64> = (0..4).map(|column| row.get(column)).collect();
    assert_eq!(numbers, [3, 1, 2, 3]);
    assert_eq!((row.get::<_, f64>(4), row.get::<_, f64>(5)), (2006.0, 2000.0));
    assert_eq!(
        row.get::<_, Vec<i64>>(6),
        [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        "buckets are summed one by one"
    );
    let error = db.query_one("select id, request_id, path from platform.recent_errors", &[]).await.unwrap();
    let texts: Vec<String> = (0..3).map(|column| error.get(column)).collect();
    assert_eq!(texts, ["one-4", "r-2", "/a?x"]);
}

#[tokio::test]
async fn a_batch_that_comes_again_counts_once() {
    let stack = testkit::stack().await;
    let batch = delivery("one", &[request("GET", "/a", 500, 3.0, 0)]);
    let (one, other) = tokio::join!(
        stack.invoke("record-metrics", batch.clone()),
        stack.invoke("record-metrics", batch.clone()),
    );
    let duplicates = [&one, &other].iter().filter(|answer| answer["duplicate"] == true).count();
    assert_eq!(duplicates, 1, "{one} {other}");
    assert_eq!(stack.invoke("record-metrics", batch).await["duplicate"], true);
    assert_eq!(total(&stack).await, 1);
    let errors = stack.db().await.query("select from platform.recent_errors", &[]).await.unwrap();
    assert_eq!(errors.len(), 1);
}

#[tokio::test]
async fn batches_at_once_lose_nothing_and_do_not_block_each_other() {
    let stack = testkit::stack().await;
    let routes: Vec<String> = (0..40).map(|number| format!("/route/{number}")).collect();
    let batch = |name: &str, backwards: bool| {
        let mut lines: Vec<Value> = routes.iter().map(|route| request("GET", route, 200, 3.0, 1)).collect();
        if backwards {
            lines.reverse();
        }
        delivery(name, &lines)
    };
    for round in 0..5 {
        let (one, other, third) = tokio::join!(
            stack.invoke("record-metrics", batch(&format!("{round}-one"), false)),
            stack.invoke("record-metrics", batch(&format!("{round}-other"), true)),
            stack.invoke("record-metrics", batch(&format!("{round}-third"), true)),
        );
        for answer in [one, other, third] {
            assert_eq!(answer, json!({ "requests": 40, "ignored": 0, "duplicate": false }));
        }
    }
    assert_eq!(total(&stack).await, 40 * 3 * 5);
}

#[tokio::test]
async fn what_has_had_its_time_is_deleted() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    db.batch_execute(
        "insert into platform.log_batches values ('old', now() - interval '8 days'), ('young', now() - interval '6 days');
         insert into platform.recent_errors
         select 'e' || n, timestamptz '2026-01-01' + n * interval '1 second', 'r', 'GET', '/', '/', 500, 1
         from generate_series(1, 1001) as n;
         insert into identity.users (id) values ('00000000-0000-4000-8000-000000000001');
         insert into identity.idempotency_keys (user_id, route, key, request_hash, created_at)
         select '00000000-0000-4000-8000-000000000001', 'POST /', age::text, 'x', now() - age * interval '1 day'
         from unnest(array[6, 8]) as age;",
    )
    .await
    .unwrap();
    stack.invoke("record-metrics", delivery("new", &[request("GET", "/a", 200, 3.0, 0)])).await;
    let texts = async |sql: &str| -> Vec<String> {
        db.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    let batches = texts("select id from platform.log_batches where length(id) < 64 order by id").await;
    assert_eq!(batches, ["young"]);
    assert_eq!(texts("select key from identity.idempotency_keys").await, ["6"]);
    let errors = texts("select id from platform.recent_errors order by occurred_at").await;
    assert_eq!((errors.len(), errors[0].as_str()), (1000, "e2"), "the oldest goes");
}

#[tokio::test]
async fn a_delivery_without_requests_changes_nothing() {
    let stack = testkit::stack().await;
    let answer = stack.invoke("record-metrics", delivery("one", &[json!({ "type": "job" })])).await;
    assert_eq!(answer, json!({ "requests": 0, "ignored": 1, "duplicate": false }));
    let batches = stack.db().await.query("select from platform.log_batches", &[]).await.unwrap();
    assert!(batches.is_empty());
}

#[tokio::test]
async fn a_delivery_that_cannot_be_read_fails() {
    let stack = testkit::stack().await;
    for event in [json!({}), json!({ "awslogs": { "data": "%" } }), json!({ "awslogs": { "data": 7 } })] {
        assert!(stack.try_invoke("record-metrics", event.clone()).await.is_err(), "{event}");
    }
}

async fn total(stack: &testkit::Stack) -> i64 {
    let sum = "select coalesce(sum(requests), 0)::bigint from platform.request_counts";
    stack.db().await.query_one(sum, &[]).await.unwrap().get(0)
}
