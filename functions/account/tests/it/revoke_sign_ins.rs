//! revoke-sign-ins.

use local::testkit;

use crate::people::{MIA, acts, app, browser, refresh, register};

const SESSIONS: &str = "/api/v1/identity/sessions";

#[tokio::test]
async fn every_other_device_is_signed_out() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    register(&stack, "other@example.org").await;
    let stranger = app(&stack, "other@example.org").await;
    let (browser, old, own) = (browser(&stack, MIA).await, app(&stack, MIA).await, app(&stack, MIA).await);
    for _ in 0..3 {
        own.client.delete(SESSIONS).await.assert_status(204);
    }
    browser.get("/api/v1/me").await.assert_status(401);
    refresh(&stack, &old.refresh_token).await.assert_status(401);
    refresh(&stack, &own.refresh_token).await.assert_status(200);
    refresh(&stack, &stranger.refresh_token).await.assert_status(200);
    assert_eq!(acts(&stack, "sign_in.revoked").await, 1, "what ends nothing is no act");
}

#[tokio::test]
async fn all_means_the_own_one_too() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (old, own) = (app(&stack, MIA).await, app(&stack, MIA).await);
    own.client.delete(&format!("{SESSIONS}?all=maybe")).await.assert_invalid(&["/all"]);
    own.client.delete(&format!("{SESSIONS}?all=true")).await.assert_status(204);
    for app in [old, own] {
        refresh(&stack, &app.refresh_token).await.assert_status(401);
    }
}

#[tokio::test]
async fn without_a_token_or_a_csrf_token_nobody_is_signed_out() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    stack.anonymous().delete(SESSIONS).await.assert_status(401);
    browser.csrf("x").delete(&format!("{SESSIONS}?all=true")).await.assert_status(403);
    browser.get("/api/v1/me").await.assert_status(200);
}
