//! `POST /api/v1/jobs/dlq/{dlq_id}/retry`.

use futures_util::future::join_all;
use local::testkit::stack;
use serde_json::json;

use crate::given::{dead, job};

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
