//! `POST /api/v1/runs/{run_id}/stop`. What its writer does then is in the tests of `stream-message`.

use futures_util::future::join_all;
use local::testkit::stack;
use serde_json::json;

use crate::follow_run::run;

#[tokio::test]
async fn a_stop_is_asked_for_once_however_often_it_is_pressed() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let run = run(&db, &alice, "writing").await;
    let path = format!("/api/v1/runs/{run}/stop");
    for answer in join_all((0..4).map(|_| alice.post(&path, json!({})).into_future())).await {
        answer.assert_status(200);
        assert_eq!(answer.json(), json!({ "run_id": run, "state": "writing" }));
    }
    let asked = "select count(distinct stop_requested_at), min(stop_requested_at)::text from platform.runs";
    let first = db.query_one(asked, &[]).await.unwrap();
    alice.post(&path, json!({})).await.assert_status(200);
    let second = db.query_one(asked, &[]).await.unwrap();
    assert_eq!(first.get::<_, String>(1), second.get::<_, String>(1));
}

#[tokio::test]
async fn one_that_has_ended_stays_as_it_is() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    for state in ["finished", "stopped", "partial"] {
        let run = run(&db, &alice, state).await;
        let path = format!("/api/v1/runs/{run}/stop");
        assert_eq!(alice.post(&path, json!({})).await.json()["state"], state);
        bob.post(&path, json!({})).await.assert_error(404, "NOT_FOUND", "run not found");
        stack.anonymous().post(&path, json!({})).await.assert_status(401);
    }
    let asked = "select count(*) from platform.runs where stop_requested_at is not null";
    assert_eq!(db.query_one(asked, &[]).await.unwrap().get::<_, i64>(0), 0);
    alice.post("/api/v1/runs/x/stop", json!({})).await.assert_invalid(&["/run_id"]);
}
