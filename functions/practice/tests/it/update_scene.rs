//! `PATCH /api/v1/scenes/{scene_id}`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::{
    given::{self, with},
    shape::{assert_needs_token, assert_takes_json},
};

#[tokio::test]
async fn absent_fields_stay_and_given_ones_change() {
    let stack = stack().await;
    let alice = stack.user();
    let path = format!("/api/v1/scenes/{}", given::scene(&alice).await);
    let before = alice.get(&path).await.json();

    let one = alice.patch(&path, json!({"goal": "be heard", "status": "ARCHIVED", "scene_id": "x"})).await;
    one.assert_status(200);
    let after = one.json();
    assert!(after["updated_at"].as_str() > before["updated_at"].as_str());
    let expected = json!({"goal": "be heard", "updated_at": after["updated_at"]});
    assert_eq!(after, with(before.clone(), expected), "and the status is not this route's");

    let all = json!({
        "title": "Pay", "template_id": "MANAGER_ALIGNMENT", "counterparty_role": "MANAGER",
        "relationship_level": "SMOOTH", "goal": "a date", "pain_points": [], "context": "A year has passed.",
        "power_dynamic": "COUNTERPART_HIGHER",
    });
    let answer = alice.patch(&path, all.clone()).await;
    answer.assert_status(200);
    let updated_at = answer.json()["updated_at"].clone();
    assert_eq!(answer.json(), with(with(before, all), json!({"updated_at": updated_at})));
    assert_eq!(alice.get(&path).await.json(), answer.json());

    alice.patch(&path, json!({})).await.assert_status(200);
}

#[tokio::test]
async fn null_is_no_value() {
    let stack = stack().await;
    let alice = stack.user();
    let path = format!("/api/v1/scenes/{}", given::scene(&alice).await);
    let nulls = json!({
        "title": null, "template_id": null, "counterparty_role": null, "relationship_level": null, "goal": null,
        "pain_points": null, "context": null, "power_dynamic": null,
    });
    let paths =
        ["/title", "/template_id", "/counterparty_role", "/relationship_level", "/goal", "/pain_points"];
    alice.patch(&path, nulls).await.assert_invalid(&[&paths[..], &["/context", "/power_dynamic"]].concat());
    let wrong = json!({
        "title": "题".repeat(81), "goal": "\u{200b}", "context": "a\u{0}", "pain_points": ["", "x"], "power_dynamic": "EQUAL",
    });
    let paths = ["/title", "/goal", "/context", "/pain_points/0", "/power_dynamic"];
    alice.patch(&path, wrong).await.assert_invalid(&paths);
}

#[tokio::test]
async fn only_its_owner_changes_a_scene() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let path = format!("/api/v1/scenes/{}", given::scene(&alice).await);
    let before = alice.get(&path).await.json();
    bob.patch(&path, json!({"title": "mine"})).await.assert_error(404, "NOT_FOUND", "scene not found");
    assert_eq!(alice.get(&path).await.json(), before);
    let missing = format!("/api/v1/scenes/{}", Uuid::new_v4());
    alice.patch(&missing, json!({"title": "x"})).await.assert_error(404, "NOT_FOUND", "scene not found");
    alice.patch("/api/v1/scenes/x", json!({})).await.assert_invalid(&["/scene_id"]);
    assert_needs_token(&stack, "PATCH", &path).await;
    assert_takes_json(&alice, &stack, "PATCH", &path).await;
}
