//! `POST /api/v1/scenes/{scene_id}/archive`.

use local::testkit::stack;
use serde_json::json;
use uuid::Uuid;

use crate::{
    given::{self, with},
    shape::assert_needs_token,
};

#[tokio::test]
async fn an_archived_scene_takes_no_sessions_and_those_under_way_go_on() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let session = given::session_on(&alice, scene).await;
    let before = alice.get(&format!("/api/v1/scenes/{scene}")).await.json();

    let archived = alice.request("POST", &format!("/api/v1/scenes/{scene}/archive")).await;
    archived.assert_status(200);
    let expected = json!({"status": "ARCHIVED", "updated_at": archived.json()["updated_at"]});
    assert_eq!(archived.json(), with(before, expected));
    let refused = alice.post("/api/v1/sessions", json!({"scene_id": scene, "target_turns": 5})).await;
    refused.assert_error(409, "CONFLICT", "scene is not active");
    given::say(&alice, session, "我们继续").await;

    // A second time changes nothing, not even the time of the last change.
    let again = alice.request("POST", &format!("/api/v1/scenes/{scene}/archive")).await;
    again.assert_status(200);
    assert_eq!(again.json(), archived.json());
}

#[tokio::test]
async fn only_its_owner_archives_a_scene() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let scene = given::scene(&alice).await;
    let path = format!("/api/v1/scenes/{scene}/archive");
    bob.request("POST", &path).await.assert_error(404, "NOT_FOUND", "scene not found");
    assert_eq!(alice.get(&format!("/api/v1/scenes/{scene}")).await.json()["status"], "ACTIVE");
    let missing = format!("/api/v1/scenes/{}/archive", Uuid::new_v4());
    alice.request("POST", &missing).await.assert_error(404, "NOT_FOUND", "scene not found");
    alice.request("POST", "/api/v1/scenes/x/archive").await.assert_invalid(&["/scene_id"]);
    assert_needs_token(&stack, "POST", &path).await;
}
