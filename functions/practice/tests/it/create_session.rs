//! `POST /api/v1/sessions`.

use futures_util::future::join_all;
use local::testkit::stack;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    given,
    shape::{assert_keys, assert_needs_token, assert_takes_json, assert_time},
};

const PATH: &str = "/api/v1/sessions";

#[tokio::test]
async fn a_session_starts_at_turn_0() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let answer = alice.post(PATH, json!({"scene_id": scene, "target_turns": 6})).await;
    answer.assert_status(201);
    let started = answer.json();
    assert_keys(&started, &["session_id", "state", "current_turn", "created_at"]);
    assert_eq!((&started["state"], &started["current_turn"]), (&json!("ACTIVE"), &json!(0)));
    assert_time(&started["created_at"]);
    let session = alice.get(&format!("{PATH}/{}", given::id(&started["session_id"]))).await.json();
    assert_eq!(session["target_turns"], 6);
    assert_eq!(session["scene_id"], scene.to_string());
    // Any number on one scene.
    alice.post(PATH, json!({"scene_id": scene, "target_turns": 6})).await.assert_status(201);
}

#[tokio::test]
async fn ids_and_numbers_are_read_leniently() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let turns = [json!("8"), json!("7.0"), json!(6.0), json!(" 5 ")];
    let ids = [
        scene.simple().to_string(),
        scene.urn().to_string(),
        format!("{{{scene}}}"),
        scene.to_string().to_uppercase(),
    ];
    for (turns, id) in turns.iter().zip(ids) {
        let body = json!({"scene_id": id, "target_turns": turns, "state": "COMPLETED", "unknown": []});
        let answer = alice.post(PATH, body).await;
        answer.assert_status(201);
        assert_eq!(answer.json()["state"], "ACTIVE");
    }
    let stored = "select string_agg(target_turns::text, ',' order by target_turns) from practice.sessions";
    assert_eq!(given::text(&stack.db().await, stored).await.as_deref(), Some("5,6,7,8"));
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    alice.post(PATH, json!({})).await.assert_invalid(&["/scene_id", "/target_turns"]);
    let scene = given::scene(&alice).await;
    for turns in
        [json!(4), json!(9), json!(5.5), json!("five"), json!(true), json!(null), json!([5]), json!(1e300)]
    {
        let answer = alice.post(PATH, json!({"scene_id": scene, "target_turns": turns})).await;
        answer.assert_invalid(&["/target_turns"]);
    }
    for id in [json!("x"), json!(1), json!(null), json!("")] {
        let answer = alice.post(PATH, json!({"scene_id": id, "target_turns": 0})).await;
        answer.assert_invalid(&["/scene_id", "/target_turns"]);
    }
    assert_needs_token(&stack, "POST", PATH).await;
    assert_takes_json(&alice, &stack, "POST", PATH).await;
}

#[tokio::test]
async fn the_scene_is_the_callers_own() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let scene = given::scene(&alice).await;
    // Bob has no row yet, and then has one.
    for _ in 0..2 {
        for scene in [scene, Uuid::new_v4()] {
            let answer = bob.post(PATH, json!({"scene_id": scene, "target_turns": 5})).await;
            answer.assert_error(404, "NOT_FOUND", "scene not found");
            let keyed = bob.post(PATH, json!({"scene_id": scene, "target_turns": 5}));
            let answer = keyed.header("Idempotency-Key", &scene.to_string()).await;
            answer.assert_error(404, "NOT_FOUND", "scene not found");
        }
        given::scene(&bob).await;
    }
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.sessions").await, 0);
}

#[tokio::test]
async fn a_repeated_key_gives_the_first_answer() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let body = json!({"scene_id": scene, "target_turns": 5});
    let repeat = |body: &Value| alice.post(PATH, body.clone()).header("Idempotency-Key", "k-1");
    let first = repeat(&body).await;
    first.assert_status(201);
    // Also after the scene has been archived, when a new one would be refused.
    alice.request("POST", &format!("/api/v1/scenes/{scene}/archive")).await.assert_status(200);
    let again = repeat(&body).await;
    again.assert_status(201);
    assert_eq!(again.json(), first.json());
    let other = repeat(&json!({"scene_id": scene, "target_turns": 6})).await;
    other.assert_error(409, "CONFLICT", "the idempotency key was used for another request");
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.sessions").await, 1);

    // What failed has used no key up.
    let fresh = alice.post(PATH, body.clone()).header("Idempotency-Key", "k-2").await;
    fresh.assert_error(409, "CONFLICT", "scene is not active");
    alice.request("POST", &format!("/api/v1/scenes/{scene}/restore")).await.assert_status(200);
    alice.post(PATH, body).header("Idempotency-Key", "k-2").await.assert_status(201);
}

#[tokio::test]
async fn one_key_at_once_makes_one_session() {
    let stack = stack().await;
    let alice = stack.user();
    let body = json!({"scene_id": given::scene(&alice).await, "target_turns": 5});
    let calls = (0..5).map(|_| alice.post(PATH, body.clone()).header("Idempotency-Key", "k-1").into_future());
    let answers = join_all(calls).await;
    for answer in &answers {
        answer.assert_status(201);
        assert_eq!(answer.json(), answers[0].json());
    }
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.sessions").await, 1);
}

#[tokio::test]
async fn there_are_5000_sessions_and_of_two_at_once_one_is_too_many() {
    let stack = stack().await;
    let (alice, bob, db) = (stack.user(), stack.user(), stack.db().await);
    let (scene, other) = (given::scene(&alice).await, given::scene(&bob).await);
    let many = format!(
        "set session_replication_role = replica;
         insert into practice.sessions (id, user_id, scene_id, target_turns)
         select gen_random_uuid(), '{}', '{scene}', 5 from generate_series(1, 4998);
         reset session_replication_role",
        alice.id()
    );
    given::execute(&db, &many).await;
    let start = || alice.post(PATH, json!({"scene_id": scene, "target_turns": 5}));
    let first = || start().header("idempotency-key", "first");
    let kept = first().await;
    kept.assert_status(201);
    let mut answers = join_all([start().into_future(), start().into_future()]).await;
    answers.sort_by_key(|answer| answer.status());
    answers[0].assert_status(201);
    let full = "you have 5000 sessions, which is as many as there may be";
    answers[1].assert_error(409, "CONFLICT", full);
    assert_eq!(given::count(&db, "select count(*) from practice.sessions").await, 5000);
    let again = first().await;
    assert_eq!(
        (again.status(), again.text()),
        (201, kept.text()),
        "a repetition makes nothing, so nothing is too many"
    );
    start().header("idempotency-key", "another").await.assert_error(409, "CONFLICT", full);
    bob.post(PATH, json!({"scene_id": other, "target_turns": 5})).await.assert_status(201);
}
