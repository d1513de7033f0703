//! `GET /api/v1/scenes/{scene_id}`.

use local::testkit::stack;
use uuid::Uuid;

use crate::{
    given,
    shape::{assert_keys, assert_needs_token, assert_time},
};

#[tokio::test]
async fn its_owner_reads_a_scene_and_nobody_else() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let scene = given::scene(&alice).await;
    let path = format!("/api/v1/scenes/{scene}");
    let answer = alice.get(&path).await;
    answer.assert_status(200);
    let body = answer.json();
    let texts = [
        "scene_id",
        "title",
        "template_id",
        "counterparty_role",
        "relationship_level",
        "goal",
        "pain_points",
    ];
    assert_keys(
        &body,
        &[&texts[..], &["context", "power_dynamic", "status", "created_at", "updated_at"]].concat(),
    );
    assert_time(&body["created_at"]);
    assert_time(&body["updated_at"]);

    let foreign = bob.get(&path).await;
    foreign.assert_error(404, "NOT_FOUND", "scene not found");
    let missing = alice.get(&format!("/api/v1/scenes/{}", Uuid::new_v4())).await;
    missing.assert_error(404, "NOT_FOUND", "scene not found");
    assert_needs_token(&stack, "GET", &path).await;
}

#[tokio::test]
async fn an_id_is_read_in_any_form() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let forms = [
        scene.simple().to_string(),
        scene.hyphenated().to_string().to_uppercase(),
        scene.urn().to_string(),
        format!("%7B{scene}%7D"),
    ];
    for form in forms {
        let answer = alice.get(&format!("/api/v1/scenes/{form}")).await;
        answer.assert_status(200);
        assert_eq!(given::id(&answer.json()["scene_id"]), scene, "{form}");
    }
    for bad in ["x", "%00", "123", &format!("{scene}0")] {
        let answer = alice.get(&format!("/api/v1/scenes/{bad}")).await;
        answer.assert_invalid(&["/scene_id"]);
        assert_eq!(answer.json()["message"], "Input should be a valid UUID");
    }
}
