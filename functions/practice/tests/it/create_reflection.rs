//! `POST /api/v1/reflections`.

use futures_util::future::join_all;
use local::testkit::stack;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    given,
    shape::{assert_keys, assert_needs_token, assert_takes_json, assert_time},
};

const PATH: &str = "/api/v1/reflections";

#[tokio::test]
async fn a_reflection_is_stored_once_in_any_state_of_its_session() {
    let stack = stack().await;
    let alice = stack.user();
    let fresh = given::session(&alice).await;
    let abandoned = given::session(&alice).await;
    alice.request("POST", &format!("/api/v1/sessions/{abandoned}/abandon")).await.assert_status(200);
    for session in [fresh, abandoned, given::completed_session(&alice).await] {
        let body = json!({"session_id": session, "used_in_real_world": false, "outcome_score": 5});
        let answer = alice.post(PATH, body.clone()).await;
        answer.assert_status(201);
        assert_keys(&answer.json(), &["reflection_id", "created_at"]);
        given::id(&answer.json()["reflection_id"]);
        assert_time(&answer.json()["created_at"]);
        let again = alice.post(PATH, body).await;
        again.assert_error(409, "CONFLICT", "reflection already exists for this session");
    }
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.reflections").await, 3);
}

#[tokio::test]
async fn of_two_at_once_one_is_stored() {
    let stack = stack().await;
    let alice = stack.user();
    let body = json!({"session_id": given::session(&alice).await, "used_in_real_world": true});
    let answers = join_all((0..4).map(|_| alice.post(PATH, body.clone()).into_future())).await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 201);
    assert_eq!((stored.len(), refused.len()), (1, 3));
    for answer in refused {
        answer.assert_error(409, "CONFLICT", "reflection already exists for this session");
    }
}

#[tokio::test]
async fn values_are_read_leniently() {
    let stack = stack().await;
    let alice = stack.user();
    let flags =
        [json!("true"), json!("Yes"), json!("on"), json!(1), json!("0"), json!("off"), json!("NO"), json!(0)];
    for (number, flag) in flags.iter().enumerate() {
        let session = given::session(&alice).await;
        let body = json!({
            "session_id": session.simple().to_string(), "used_in_real_world": flag, "outcome_score": "4",
            "blocker_code": "WORDING_ISSUE", "blocker_note": "好".repeat(500), "unknown": 1,
        });
        alice.post(PATH, body).await.assert_status(201);
        let history = alice.get(&format!("/api/v1/sessions/{session}/history")).await.json();
        let reflection = &history["reflection"];
        assert_eq!(reflection["used_in_real_world"], number < 4, "{flag}");
        assert_eq!(
            (&reflection["outcome_score"], &reflection["blocker_code"]),
            (&json!(4), &json!("WORDING_ISSUE"))
        );
        assert_eq!(reflection["blocker_note"].as_str().map(|note| note.chars().count()), Some(500));
    }
    let nulls = json!({
        "session_id": given::session(&alice).await, "used_in_real_world": true, "outcome_score": null,
        "blocker_code": null, "blocker_note": null,
    });
    alice.post(PATH, nulls).await.assert_status(201);
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    alice.post(PATH, json!({})).await.assert_invalid(&["/session_id", "/used_in_real_world"]);
    let wrong = json!({
        "session_id": "x", "used_in_real_world": "maybe", "outcome_score": 6, "blocker_code": "other",
        "blocker_note": "好".repeat(501),
    });
    let paths = ["/session_id", "/used_in_real_world", "/outcome_score", "/blocker_code", "/blocker_note"];
    alice.post(PATH, wrong).await.assert_invalid(&paths);
    let session = given::session(&alice).await;
    let bad = |member: &str, value: Value| {
        let mut body = json!({"session_id": session, "used_in_real_world": true});
        body[member] = value;
        alice.post(PATH, body)
    };
    for value in [json!(0), json!(2.5), json!(true), json!("")] {
        bad("outcome_score", value).await.assert_invalid(&["/outcome_score"]);
    }
    for value in [json!(null), json!(2), json!(-1), json!(1.5), json!("")] {
        bad("used_in_real_world", value).await.assert_invalid(&["/used_in_real_world"]);
    }
    bad("blocker_note", json!("a\u{0}")).await.assert_invalid(&["/blocker_note"]);
    bad("blocker_note", json!("  ")).await.assert_invalid(&["/blocker_note"]);
    assert_needs_token(&stack, "POST", PATH).await;
    assert_takes_json(&alice, &stack, "POST", PATH).await;
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.reflections").await, 0);
}

#[tokio::test]
async fn the_session_is_the_callers_own() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let session = given::session(&alice).await;
    // Bob has no row yet, and then has one.
    for _ in 0..2 {
        for session in [session, Uuid::new_v4()] {
            let answer = bob.post(PATH, json!({"session_id": session, "used_in_real_world": true})).await;
            answer.assert_error(404, "NOT_FOUND", "session not found");
        }
        given::scene(&bob).await;
    }
    // Nor does the caller learn that the owner has reflected.
    given::reflection(&alice, session, true, Some(1)).await;
    let answer = bob.post(PATH, json!({"session_id": session, "used_in_real_world": true})).await;
    answer.assert_error(404, "NOT_FOUND", "session not found");
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.reflections").await, 1);
}
