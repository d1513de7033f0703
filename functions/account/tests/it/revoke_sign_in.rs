//! revoke-sign-in.

use local::testkit::{self, Client, Stack};
use serde_json::json;
use uuid::Uuid;

use crate::people::{App, MIA, acts, app, browser, link_token, refresh, register, run, value};

const ME: &str = "/api/v1/me";
const SESSIONS: &str = "/api/v1/identity/sessions";
const BEN: &str = "ben@example.org";

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

/// Mia on two devices and Ben on one, all let in by the access tokens that they keep.
async fn three_apps(stack: &Stack) -> [App; 3] {
    register(stack, MIA).await;
    register(stack, BEN).await;
    let apps = [app(stack, MIA).await, app(stack, MIA).await, app(stack, BEN).await];
    for app in &apps {
        app.client.get(ME).await.assert_status(200);
    }
    apps
}

/// The access tokens of `ended` open nothing any more, though they have not expired; those of `others` do as before.
async fn assert_ended(ended: &[&App], others: &[&App]) {
    const REFUSED: &str = "invalid or expired access token";
    for app in ended {
        app.client.get(ME).await.assert_error(401, "UNAUTHORIZED", REFUSED);
        app.client.patch(ME, json!({})).await.assert_error(401, "UNAUTHORIZED", REFUSED);
    }
    for app in others {
        app.client.get(ME).await.assert_status(200);
    }
}

#[tokio::test]
async fn a_lost_device_s_access_token_ends_with_it() {
    let stack = testkit::stack().await;
    let [own, lost, ben] = three_apps(&stack).await;
    own.client.delete(&format!("{SESSIONS}/{}", newest(&own.client).await)).await.assert_status(204);
    assert_ended(&[&lost], &[&own, &ben]).await;
}

#[tokio::test]
async fn the_access_tokens_of_all_other_devices_end_and_the_own_one_on_demand() {
    let stack = testkit::stack().await;
    let [own, lost, ben] = three_apps(&stack).await;
    own.client.delete(SESSIONS).await.assert_status(204);
    assert_ended(&[&lost], &[&own, &ben]).await;
    own.client.delete(&format!("{SESSIONS}?all=true")).await.assert_status(204);
    assert_ended(&[&lost, &own], &[&ben]).await;
}

#[tokio::test]
async fn a_logout_ends_the_access_token_too() {
    let stack = testkit::stack().await;
    let [one, other, ben] = three_apps(&stack).await;
    let logout = "/api/v1/identity/auth/logout";
    stack.anonymous().post(logout, json!({ "refresh_token": one.refresh_token })).await.assert_status(204);
    assert_ended(&[&one], &[&other, &ben]).await;
    other.client.request("POST", logout).await.assert_status(204);
    assert_ended(&[&one, &other], &[&ben]).await;
}

#[tokio::test]
async fn a_password_reset_ends_every_access_token_of_the_person() {
    let stack = testkit::stack().await;
    let [one, other, ben] = three_apps(&stack).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    let forgot = json!({ "email": MIA });
    stack.anonymous().post("/api/v1/identity/password/forgot", forgot).await.assert_status(202);
    assert_ended(&[], &[&one, &other, &ben]).await;
    let reset = json!({ "token": link_token(&stack, "reset_password").await, "password": "An0ther phrase" });
    stack.anonymous().post("/api/v1/identity/password/reset", reset).await.assert_status(204);
    assert_ended(&[&one, &other], &[&ben]).await;
}

#[tokio::test]
async fn a_refresh_token_that_comes_back_ends_the_access_tokens_of_its_chain() {
    let stack = testkit::stack().await;
    let [stolen, other, ben] = three_apps(&stack).await;
    let answer = refresh(&stack, &stolen.refresh_token).await;
    let next = App {
        client: stack.anonymous().bearer(&answer.str("access_token")),
        refresh_token: answer.str("refresh_token"),
    };
    assert_ended(&[], &[&stolen, &next, &other, &ben]).await;
    run(&stack, "update identity.refresh_tokens set replaced_at = replaced_at - interval '11 seconds'").await;
    refresh(&stack, &stolen.refresh_token).await.assert_status(401);
    assert_ended(&[&stolen, &next], &[&other, &ben]).await;
}
