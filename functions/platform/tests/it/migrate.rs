//! migrate.

use local::{
    project,
    template::{Event, Function},
    testkit::{self, Stack},
};
use serde_json::json;

#[tokio::test]
async fn down_and_up_again() {
    let stack = testkit::stack().await;
    let status = stack.invoke("migrate", json!({ "direction": "status" })).await;
    let all = status["migrations"].as_array().unwrap();
    assert!(!all.is_empty());
    assert!(all.iter().all(|step| step["state"] == "applied" && step["applied_at"].is_string()), "{status}");
    let last = all[all.len() - 1]["name"].clone();

    let down = stack.invoke("migrate", json!({ "direction": "down" })).await;
    assert_eq!(down["migrations"].as_array().unwrap().len(), 1, "one step unless more are ordered");
    assert_eq!((&down["migrations"][0]["name"], &down["migrations"][0]["state"]), (&last, &json!("pending")));
    stack.anonymous().get("/ready").await.assert_error(503, "UNAVAILABLE", "migrations pending");

    let up = stack.invoke("migrate", json!({})).await;
    assert_eq!(up["direction"], "up");
    assert_eq!((&up["migrations"][0]["name"], &up["migrations"][0]["state"]), (&last, &json!("applied")));
    stack.anonymous().get("/ready").await.assert_status(200);
    let again = stack.invoke("migrate", json!({ "direction": "up" })).await;
    assert_eq!(again["migrations"], json!([]));
}

#[tokio::test]
async fn all_the_way_down_and_up() {
    let stack = testkit::stack().await;
    let down = stack.invoke("migrate", json!({ "direction": "down", "steps": 100 })).await;
    let up = stack.invoke("migrate", json!({ "direction": "up" })).await;
    assert_eq!(down["migrations"].as_array().unwrap().len(), up["migrations"].as_array().unwrap().len());
    stack.user().get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn before_the_first_migration_jobs_have_nothing_to_do_and_routes_say_when_to_come_back() {
    let stack = testkit::stack().await;
    stack.invoke("migrate", json!({ "direction": "down", "steps": 100 })).await;
    let rest = "drop schema if exists platform cascade; drop schema if exists identity cascade";
    stack.owner().await.batch_execute(rest).await.unwrap();
    let runs_by_itself = |function: &&Function| {
        function.events.iter().any(|(_, event)| !matches!(event, Event::Api { .. } | Event::Other(_)))
    };
    let jobs: Vec<_> = stack.template().functions.iter().filter(runs_by_itself).collect();
    assert!(jobs.len() >= 6, "{jobs:?}");
    for job in jobs {
        let (domain, _) = project::function_source(&job.name).unwrap();
        let file = project::root().join(format!("events/{domain}/{}.json", job.name));
        let event = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let answer = stack.invoke(&job.name, event).await;
        assert_eq!(answer["skipped"], "the database is not migrated yet", "{}: {answer}", job.name);
    }
    let answer = stack.user().get("/api/v1/me").await;
    answer.assert_error(503, "UNAVAILABLE", "the database is not migrated yet");
    assert_eq!(answer.header("retry-after"), Some("60"));
    stack.invoke("migrate", json!({})).await;
    stack.user().get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn two_runs_at_once_apply_each_migration_once() {
    let stack = testkit::stack().await;
    let down = stack.invoke("migrate", json!({ "direction": "down", "steps": 100 })).await;
    let (one, other) = tokio::join!(stack.invoke("migrate", json!({})), stack.invoke("migrate", json!({})));
    // Each step has a transaction and a lock of its own, so they may take turns.
    let [all, one, other] = [&down, &one, &other].map(|done| done["migrations"].as_array().unwrap().len());
    assert_eq!(one + other, all);
}

#[tokio::test]
async fn a_refusal_says_why() {
    let stack = testkit::stack().await;
    let db = stack.db().await;
    db.batch_execute("update platform.migrations set checksum = 'x' where version = 1").await.unwrap();
    let error = stack.try_invoke("migrate", json!({ "direction": "up" })).await.unwrap_err();
    assert!(error.to_string().contains("0001_identity was changed after it was applied"), "{error}");
}

#[tokio::test]
async fn a_wrong_order_is_refused() {
    let stack = testkit::stack().await;
    for event in [json!({ "direction": "sideways" }), json!({ "direction": "down", "steps": 0 }), json!([])] {
        assert!(stack.try_invoke("migrate", event.clone()).await.is_err(), "{event}");
    }
}

#[tokio::test]
async fn without_a_database_it_fails() {
    let mut stack = Stack::builder().own_server().start().await;
    stack.stop_postgres().await;
    assert!(stack.try_invoke("migrate", json!({})).await.is_err());
}
