//! revoke-sign-in.

use local::testkit::{self, Client};
use uuid::Uuid;

use crate::people::{MIA, acts, app, browser, refresh, register, value};

const SESSIONS: &str = "/api/v1/identity/sessions";

async fn newest(client: &Client) -> String {
    let list = client.get(SESSIONS).await.json();
    list["items"][0]["id"].as_str().expect("a sign-in").to_owned()
}

#[tokio::test]
async fn a_lost_device_is_signed_out_at_once() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    let lost = app(&stack, MIA).await;
    let id = newest(&browser).await;
    browser.delete(&format!("{SESSIONS}/{id}")).await.assert_status(204);
    refresh(&stack, &lost.refresh_token).await.assert_status(401);
    browser.get("/api/v1/me").await.assert_status(200);
    let again = browser.delete(&format!("{SESSIONS}/{id}")).await;
    again.assert_error(404, "NOT_FOUND", "session not found");
    assert_eq!(acts(&stack, "sign_in.revoked").await, 1);
    let because = "select revoked_because from identity.sign_ins where revoked_at is not null";
    assert_eq!(value::<String>(&stack, because).await, "revoked");
}

#[tokio::test]
async fn another_s_and_a_missing_one_are_not_found_alike() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    register(&stack, "eve@example.org").await;
    let (mia, eve) = (app(&stack, MIA).await, app(&stack, "eve@example.org").await);
    for id in [newest(&mia.client).await, Uuid::new_v4().to_string()] {
        let answer = eve.client.delete(&format!("{SESSIONS}/{id}")).await;
        answer.assert_error(404, "NOT_FOUND", "session not found");
    }
    refresh(&stack, &mia.refresh_token).await.assert_status(200);
    eve.client.delete(&format!("{SESSIONS}/x")).await.assert_invalid(&["/session_id"]);
    let path = format!("{SESSIONS}/{}", newest(&mia.client).await);
    stack.anonymous().delete(&path).await.assert_status(401);
    assert_eq!(acts(&stack, "sign_in.revoked").await, 0);
}

#[tokio::test]
async fn a_session_s_cookie_needs_its_csrf_token() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    let path = format!("{SESSIONS}/{}", newest(&browser).await);
    browser.csrf("x").delete(&path).await.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    browser.delete(&path).await.assert_status(204);
    browser.get("/api/v1/me").await.assert_status(401);
}
