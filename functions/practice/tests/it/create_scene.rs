//! `POST /api/v1/scenes`.

use futures_util::future::join_all;
use local::testkit::stack;
use serde_json::{Value, json};

use crate::{
    given::{self, new_scene, with},
    shape::{assert_keys, assert_needs_token, assert_takes_json, assert_time},
};

const PATH: &str = "/api/v1/scenes";

#[tokio::test]
async fn a_scene_is_stored_as_it_was_sent() {
    let stack = stack().await;
    let alice = stack.user();
    let answer = alice.post(PATH, new_scene()).await;
    answer.assert_status(201);
    let created = answer.json();
    assert_keys(&created, &["scene_id", "status", "created_at"]);
    assert_eq!(created["status"], "ACTIVE");
    assert_time(&created["created_at"]);

    let scene = alice.get(&format!("{PATH}/{}", given::id(&created["scene_id"]))).await.json();
    let own = json!({
        "scene_id": created["scene_id"], "status": "ACTIVE",
        "created_at": created["created_at"], "updated_at": created["created_at"],
    });
    assert_eq!(scene, with(new_scene(), own));
}

#[tokio::test]
async fn the_person_is_stored_once_and_not_rewritten() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let person = format!(
        "select concat_ws('|', xmin, email, display_name) from identity.users where id = '{}'",
        alice.id()
    );
    given::scene(&alice).await;
    let first = given::text(&db, &person).await;
    assert!(first.as_ref().unwrap().ends_with(&format!("|{}@mock.local|Mock User", alice.id())), "{first:?}");
    given::scene(&alice).await;
    assert_eq!(given::text(&db, &person).await, first);

    // Another person may hold the same address.
    let bob = stack.user();
    given::execute(&db, &format!("update identity.users set email = '{}@mock.local'", bob.id())).await;
    given::scene(&bob).await;
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let stack = stack().await;
    let alice = stack.user();
    let all = ["/title", "/template_id", "/counterparty_role", "/relationship_level", "/goal", "/context"];
    let missing = alice.post(PATH, json!({})).await;
    missing.assert_invalid(&[&all[..], &["/power_dynamic"]].concat());
    assert_eq!(missing.json()["message"], "Field required");

    let wrong = json!({
        "title": "", "template_id": "peer_feedback", "counterparty_role": "BOSS", "relationship_level": 1,
        "goal": null, "context": ["x"], "power_dynamic": true, "pain_points": ["fine", "", 3, "a\u{0}b"],
    });
    let answer = alice.post(PATH, wrong).await;
    let points = ["/power_dynamic", "/pain_points/1", "/pain_points/2", "/pain_points/3"];
    answer.assert_invalid(&[&all[..], &points].concat());
    let codes = answer.json();
    let code = |path: &str| {
        let errors = codes["errors"].as_array().unwrap();
        errors.iter().find(|error| error["path"] == path).map(|error| error["code"].clone())
    };
    assert_eq!(code("/title"), Some(json!("too_short")));
    assert_eq!(code("/template_id"), Some(json!("enum")));
    assert_eq!(code("/pain_points/3"), Some(json!("nul")));

    alice.post(PATH, with(new_scene(), json!({"pain_points": null}))).await.assert_invalid(&["/pain_points"]);
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.scenes").await, 0);
}

#[tokio::test]
async fn limits_count_characters_and_not_bytes() {
    let stack = stack().await;
    let alice = stack.user();
    let longest = json!({
        "title": "好".repeat(80), "goal": "🙂".repeat(240), "context": "界".repeat(1200),
        "pain_points": vec!["难".repeat(80); 5],
    });
    alice.post(PATH, with(new_scene(), longest)).await.assert_status(201);
    let longer = json!({
        "title": "好".repeat(81), "goal": "🙂".repeat(241), "context": "界".repeat(1201),
        "pain_points": ["难".repeat(81)],
    });
    let answer = alice.post(PATH, with(new_scene(), longer)).await;
    answer.assert_invalid(&["/title", "/goal", "/context", "/pain_points/0"]);
    let body = answer.json();
    assert_eq!(body["message"], body["errors"][0]["message"], "the first one is the message");
    assert!(body["errors"].to_string().contains("String should have at most 80 characters"), "{body}");
    let six = json!({"pain_points": ["1", "2", "3", "4", "5", "6"]});
    alice.post(PATH, with(new_scene(), six)).await.assert_invalid(&["/pain_points"]);
}

#[tokio::test]
async fn blank_texts_and_nul_are_refused() {
    let stack = stack().await;
    let alice = stack.user();
    let blank = json!({"title": " ", "goal": "\t\n", "context": "\u{3000}", "pain_points": ["  "]});
    let paths = ["/title", "/goal", "/context", "/pain_points/0"];
    alice.post(PATH, with(new_scene(), blank)).await.assert_invalid(&paths);
    let nul = json!({"title": "a\u{0}", "goal": "\u{0}", "context": "b\u{0}c", "pain_points": ["\u{0}d"]});
    alice.post(PATH, with(new_scene(), nul)).await.assert_invalid(&paths);
}

#[tokio::test]
async fn unknown_fields_are_ignored_texts_not_trimmed_and_pain_points_may_be_left_out() {
    let stack = stack().await;
    let alice = stack.user();
    let mut body = with(new_scene(), json!({"status": "ARCHIVED", "user_id": "x", "title": " padded "}));
    body.as_object_mut().unwrap().remove("pain_points");
    let created = alice.post(PATH, body).await;
    created.assert_status(201);
    let scene = alice.get(&format!("{PATH}/{}", created.str("scene_id"))).await.json();
    assert_eq!(
        (&scene["pain_points"], &scene["status"], &scene["title"]),
        (&json!([]), &json!("ACTIVE"), &json!(" padded "))
    );
}

#[tokio::test]
async fn the_body_is_json_and_the_caller_known() {
    let stack = stack().await;
    let alice = stack.user();
    assert_needs_token(&stack, "POST", PATH).await;
    assert_takes_json(&alice, &stack, "POST", PATH).await;
    // Without a content type the body is taken for JSON.
    alice.request("POST", PATH).body(new_scene().to_string()).await.assert_status(201);
}

#[tokio::test]
async fn a_repeated_key_gives_the_first_answer() {
    let stack = stack().await;
    let alice = stack.user();
    let repeat = |body: Value| alice.post(PATH, body).header("Idempotency-Key", "k-1");
    let first = repeat(new_scene()).await;
    first.assert_status(201);
    let again = repeat(new_scene()).await;
    again.assert_status(201);
    assert_eq!(again.bytes(), first.bytes(), "byte for byte");
    let other = repeat(with(new_scene(), json!({"title": "Another"}))).await;
    other.assert_error(409, "CONFLICT", "the idempotency key was used for another request");
    let db = stack.db().await;
    assert_eq!(given::count(&db, "select count(*) from practice.scenes").await, 1);

    // Of another person, or without a key, it is another request.
    let bob = stack.user().post(PATH, new_scene()).header("Idempotency-Key", "k-1").await;
    bob.assert_status(201);
    assert_ne!(bob.json(), first.json());
    alice.post(PATH, new_scene()).await.assert_status(201);
    assert_eq!(given::count(&db, "select count(*) from practice.scenes").await, 3);

    let bad = alice.post(PATH, new_scene()).header("Idempotency-Key", "two words").await;
    bad.assert_invalid(&["/Idempotency-Key"]);
    let long = alice.post(PATH, new_scene()).header("Idempotency-Key", &"k".repeat(256)).await;
    long.assert_invalid(&["/Idempotency-Key"]);
    let two =
        alice.post(PATH, new_scene()).header("Idempotency-Key", "k-1").header("Idempotency-Key", "k-2").await;
    two.assert_invalid(&["/Idempotency-Key"]);
}

#[tokio::test]
async fn one_key_at_once_makes_one_scene() {
    let stack = stack().await;
    let alice = stack.user();
    let calls = (0..5).map(|_| alice.post(PATH, new_scene()).header("Idempotency-Key", "k-1").into_future());
    let answers = join_all(calls).await;
    for answer in &answers {
        answer.assert_status(201);
        assert_eq!(answer.json(), answers[0].json());
    }
    assert_eq!(given::count(&stack.db().await, "select count(*) from practice.scenes").await, 1);
}

#[tokio::test]
async fn there_are_1000_scenes_and_of_two_at_once_one_is_too_many() {
    let stack = stack().await;
    let (alice, db) = (stack.user(), stack.db().await);
    let first = || alice.post(PATH, new_scene()).header("idempotency-key", "first");
    let kept = first().await;
    kept.assert_status(201);
    let many = "set session_replication_role = replica;
         insert into practice.scenes (id, user_id, title, template_id, counterparty_role, relationship_level, goal, context,
                                      power_dynamic)
         select gen_random_uuid(), user_id, title, template_id, counterparty_role, relationship_level, goal, context,
                power_dynamic
         from practice.scenes, generate_series(1, 998);
         reset session_replication_role";
    given::execute(&db, many).await;
    let create = || alice.post(PATH, new_scene());
    let mut answers = join_all([create().into_future(), create().into_future()]).await;
    answers.sort_by_key(|answer| answer.status());
    answers[0].assert_status(201);
    let full = "you have 1000 scenes, which is as many as there may be";
    answers[1].assert_error(409, "CONFLICT", full);
    assert_eq!(given::count(&db, "select count(*) from practice.scenes").await, 1000);
    let again = first().await;
    assert_eq!(
        (again.status(), again.text()),
        (201, kept.text()),
        "a repetition makes nothing, so nothing is too many"
    );
    stack.user().post(PATH, new_scene()).await.assert_status(201);
}
