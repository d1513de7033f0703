//! Jobs that failed for good: `/api/v1/jobs/dlq` and what is below it.

use futures_util::future::join_all;
use local::testkit::{Client, stack};
use serde_json::{Value, json};
use tokio_postgres::Client as Database;
use uuid::Uuid;

use crate::jobs::{admin, job};

/// A dead job of `user`, and the job that failed.
async fn dead(db: &Database, user: &Client, kind: &str) -> (Uuid, Uuid) {
    let (id, job) = (Uuid::now_v7(), job(db, user, kind, "failed").await);
    let sql = "insert into platform.dead_jobs (id, job_id, user_id) values ($1, $2, $3)";
    db.execute(sql, &[&id, &job, &user.id()]).await.unwrap();
    (id, job)
}

async fn ids(who: &Client, query: &str) -> Vec<Value> {
    let answer = who.get(&format!("/api/v1/jobs/dlq{query}")).await;
    answer.assert_status(200);
    answer.json().as_array().unwrap().iter().map(|dead| dead["id"].clone()).collect()
}

#[tokio::test]
async fn everybody_sees_their_own_and_an_admin_all() {
    let stack = stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    let (first, failed) = dead(&db, &alice, "test.work").await;
    let (second, _) = dead(&db, &alice, "test.other").await;
    let (bobs, _) = dead(&db, &bob, "test.work").await;
    assert_eq!(ids(&alice, "").await, [json!(second), json!(first)], "what failed last first");
    assert_eq!(ids(&alice, "?flow_name=test.work").await, [json!(first)]);
    assert_eq!(ids(&alice, "?status=retried").await, [] as [Value; 0]);
    assert_eq!(ids(&alice, "?limit=1").await, [json!(second)]);
    let at = alice.get("/api/v1/jobs/dlq").await.json()[0]["failed_at"].as_str().unwrap().to_owned();
    assert_eq!(ids(&alice, &format!("?failed_before={at}")).await, [json!(first)]);
    assert_eq!(ids(&bob, "").await, [json!(bobs)]);
    assert_eq!(ids(&admin, "").await.len(), 3);
    for wrong in ["?limit=0", "?limit=201", "?status=lost", "?failed_before=x"] {
        alice.get(&format!("/api/v1/jobs/dlq{wrong}")).await.assert_status(400);
    }

    let path = format!("/api/v1/jobs/dlq/{first}");
    let detail = alice.get(&path).await.json();
    let expected = json!({
        "id": first, "flow_run_id": failed, "flow_name": "test.work", "task_name": null, "chapter_id": "c1", "story_id": "s1",
        "user_id": alice.id(), "input_payload": { "chapter_id": "c1", "story_id": "s1" }, "error_type": "timeout",
        "error_message": "too slow", "stack_trace": null, "original_retry_count": 1, "failed_at": detail["failed_at"],
        "status": "pending", "resolved_at": null, "resolved_by": null, "resolution_notes": null, "retried_as": null,
    });
    assert_eq!(detail, expected);
    admin.get(&path).await.assert_status(200);
    bob.get(&path).await.assert_error(404, "NOT_FOUND", "dead job not found");
    stack.anonymous().get(&path).await.assert_status(401);
    stack.anonymous().get("/api/v1/jobs/dlq").await.assert_status(401);
    alice.get("/api/v1/jobs/dlq/x").await.assert_invalid(&["/dlq_id"]);
}

#[tokio::test]
async fn a_dead_job_is_tried_again_once_with_what_it_was_told() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let (id, failed) = dead(&db, &alice, "test.work").await;
    db.execute(
        "insert into platform.job_steps (job_id, name, user_id, result) values ($1, 'one', $2, '1')",
        &[&failed, &alice.id()],
    )
    .await
    .unwrap();
    let path = format!("/api/v1/jobs/dlq/{id}/retry");
    bob.post(&path, json!({})).await.assert_error(404, "NOT_FOUND", "dead job not found");
    stack.anonymous().post(&path, json!({})).await.assert_status(401);
    let answers = join_all((0..4).map(|_| alice.post(&path, json!({})).into_future())).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status() == 200);
    assert_eq!((good.len(), bad.len()), (1, 3));
    bad[0].assert_error(409, "CONFLICT", "dead job already retried");
    let again = good[0].json();
    assert_eq!((&again["job_name"], &again["status"]), (&json!("test.work"), &json!("queued")));
    let job = alice.get(&format!("/api/v1/jobs/{}", again["job_id"].as_str().unwrap())).await.json();
    assert_eq!((&job["state"], &job["retry_of"]), (&json!("queued"), &json!(failed)));
    let same = "select count(*) from platform.jobs as again join platform.jobs as failed on failed.id = again.retry_of
                where again.parameters = failed.parameters and again.subject = failed.subject
                  and (select count(*) from platform.job_steps where job_id = again.id) = 1";
    assert_eq!(db.query_one(same, &[]).await.unwrap().get::<_, i64>(0), 1);
    let detail = alice.get(&format!("/api/v1/jobs/dlq/{id}")).await.json();
    assert_eq!(
        (&detail["status"], &detail["retried_as"], &detail["resolved_by"]),
        (&json!("retried"), &again["job_id"], &json!(alice.id()))
    );
    assert_eq!(stack.nudges(), ["test"], "its worker is told once");
}

#[tokio::test]
async fn work_that_is_asked_for_already_stands_for_the_dead_one() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let (id, failed) = dead(&db, &alice, "test.work").await;
    let waiting = job(&db, &alice, "test.work", "queued").await;
    db.execute(
        "update platform.jobs set subject = (select subject from platform.jobs where id = $1) where id = $2",
        &[&failed, &waiting],
    )
    .await
    .unwrap();
    let again = alice.post(&format!("/api/v1/jobs/dlq/{id}/retry"), json!({})).await;
    again.assert_status(200);
    assert_eq!(again.json()["job_id"], json!(waiting));
    assert_eq!(db.query_one("select count(*) from platform.jobs", &[]).await.unwrap().get::<_, i64>(0), 2);
}

#[tokio::test]
async fn many_are_tried_again_in_one_go() {
    let stack = stack().await;
    let (alice, bob, admin, db) = (stack.user(), stack.user(), admin(&stack).await, stack.db().await);
    for kind in ["test.work", "test.work", "test.other"] {
        dead(&db, &alice, kind).await;
    }
    dead(&db, &bob, "test.work").await;
    let path = "/api/v1/jobs/dlq/bulk-retry";
    let retry = async |who: &Client, body: Value| -> Value {
        let answer = who.post(path, body).await;
        answer.assert_status(200);
        let many = answer.json();
        assert_eq!(
            many["new_job_ids"].as_array().unwrap().len(),
            many["retried_count"].as_u64().unwrap() as usize
        );
        many["retried_count"].clone()
    };
    assert_eq!(retry(&alice, json!({ "error_type": "worker_lost" })).await, 0);
    assert_eq!(retry(&alice, json!({ "failed_after": "2999-01-01T00:00:00Z" })).await, 0);
    let two = join_all((0..2).map(|_| retry(&alice, json!({ "flow_name": "test.work" })))).await;
    assert!(
        two == [json!(2), json!(0)] || two == [json!(0), json!(2)] || two == [json!(1), json!(1)],
        "{two:?}"
    );
    assert_eq!(retry(&alice, json!({})).await, 1);
    assert_eq!(ids(&bob, "?status=pending").await.len(), 1, "another's stay as they are");
    assert_eq!(retry(&admin, json!({})).await, 1);
    alice.post(path, json!([])).await.assert_status(400);
    alice.post(path, json!({ "failed_after": "x" })).await.assert_invalid(&["/failed_after"]);
    stack.anonymous().post(path, json!({})).await.assert_status(401);
}

#[tokio::test]
async fn somebody_notes_that_they_have_seen_to_it() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let (id, _) = dead(&db, &alice, "test.work").await;
    let path = format!("/api/v1/jobs/dlq/{id}/resolve");
    alice.post(&path, json!({ "status": "retried" })).await.assert_invalid(&["/status"]);
    alice.post(&path, json!({})).await.assert_invalid(&["/status"]);
    bob.post(&path, json!({ "status": "ignored" })).await.assert_error(
        404,
        "NOT_FOUND",
        "dead job not found",
    );
    stack.anonymous().post(&path, json!({ "status": "ignored" })).await.assert_status(401);
    let ignored = alice.post(&path, json!({ "status": "ignored" })).await;
    ignored.assert_status(200);
    assert_eq!(
        (&ignored.json()["status"], &ignored.json()["resolution_notes"]),
        (&json!("ignored"), &json!(null))
    );
    let resolved = alice.post(&path, json!({ "status": "resolved", "notes": "shortened" })).await.json();
    assert_eq!(
        (&resolved["status"], &resolved["resolution_notes"], &resolved["resolved_by"]),
        (&json!("resolved"), &json!("shortened"), &json!(alice.id()))
    );
    let retry = format!("/api/v1/jobs/dlq/{id}/retry");
    alice.post(&retry, json!({})).await.assert_error(409, "CONFLICT", "dead job already resolved");
    let (other, _) = dead(&db, &alice, "test.work").await;
    alice.post(&format!("/api/v1/jobs/dlq/{other}/retry"), json!({})).await.assert_status(200);
    let path = format!("/api/v1/jobs/dlq/{other}/resolve");
    alice.post(&path, json!({ "status": "ignored" })).await.assert_error(
        409,
        "CONFLICT",
        "dead job already retried",
    );
}
