//! `POST /api/v1/scenes/{scene_id}/restore`.

use local::testkit::stack;
use uuid::Uuid;

use crate::{given, shape::assert_needs_token};

#[tokio::test]
async fn a_restored_scene_takes_sessions_again() {
    let stack = stack().await;
    let alice = stack.user();
    let scene = given::scene(&alice).await;
    let path = format!("/api/v1/scenes/{scene}");
    alice.request("POST", &format!("{path}/archive")).await.assert_status(200);
    let restored = alice.request("POST", &format!("{path}/restore")).await;
    restored.assert_status(200);
    assert_eq!(restored.json()["status"], "ACTIVE");
    assert_eq!(restored.json(), alice.get(&path).await.json());
    given::session_on(&alice, scene).await;

    let again = alice.request("POST", &format!("{path}/restore")).await;
    again.assert_status(200);
    assert_eq!(again.json(), restored.json());
}

#[tokio::test]
async fn only_its_owner_restores_a_scene() {
    let stack = stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    let path = format!("/api/v1/scenes/{}", given::scene(&alice).await);
    alice.request("POST", &format!("{path}/archive")).await.assert_status(200);
    let restore = format!("{path}/restore");
    bob.request("POST", &restore).await.assert_error(404, "NOT_FOUND", "scene not found");
    assert_eq!(alice.get(&path).await.json()["status"], "ARCHIVED");
    let missing = format!("/api/v1/scenes/{}/restore", Uuid::new_v4());
    alice.request("POST", &missing).await.assert_error(404, "NOT_FOUND", "scene not found");
    alice.request("POST", "/api/v1/scenes/x/restore").await.assert_invalid(&["/scene_id"]);
    assert_needs_token(&stack, "POST", &restore).await;
}
