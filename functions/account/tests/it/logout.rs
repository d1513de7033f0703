//! logout.

use local::testkit;
use serde_json::json;

use crate::people::{MIA, acts, app, browser, refresh, register, value};

const LOGOUT: &str = "/api/v1/identity/auth/logout";

#[tokio::test]
async fn a_refresh_token_signs_its_own_sign_in_out_once() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (one, other) = (app(&stack, MIA).await, app(&stack, MIA).await);
    for _ in 0..2 {
        let answer = stack.anonymous().post(LOGOUT, json!({ "refresh_token": one.refresh_token })).await;
        answer.assert_status(204);
        assert!(answer.bytes().is_empty());
    }
    refresh(&stack, &one.refresh_token).await.assert_status(401);
    refresh(&stack, &other.refresh_token).await.assert_status(200);
    assert_eq!(acts(&stack, "user.signed_out").await, 1);
    let because = "select revoked_because from identity.sign_ins where revoked_at is not null";
    assert_eq!(value::<String>(&stack, because).await, "logout");
}

#[tokio::test]
async fn an_older_token_of_the_chain_does_it_too() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let first = app(&stack, MIA).await.refresh_token;
    let second = refresh(&stack, &first).await.str("refresh_token");
    stack.anonymous().post(LOGOUT, json!({ "refresh_token": first })).await.assert_status(204);
    refresh(&stack, &second).await.assert_status(401);
}

#[tokio::test]
async fn without_a_body_the_caller_s_own_sign_in_ends() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (one, other) = (app(&stack, MIA).await, app(&stack, MIA).await);
    one.client.request("POST", LOGOUT).await.assert_status(204);
    refresh(&stack, &one.refresh_token).await.assert_status(401);
    let empty = other.client.post(LOGOUT, json!({ "refresh_token": null })).await;
    empty.assert_status(204);
    refresh(&stack, &other.refresh_token).await.assert_status(401);
}

#[tokio::test]
async fn who_is_not_signed_in_is_signed_out() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    stack.anonymous().request("POST", LOGOUT).await.assert_status(204);
    stack.anonymous().bearer("garbage").post(LOGOUT, json!({})).await.assert_status(204);
    stack.user().post(LOGOUT, json!({})).await.assert_status(204);
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        stack.anonymous().post(LOGOUT, json!({ "refresh_token": token })).await.assert_status(204);
    }
    // No token either, here as at `refresh`.
    let spaced = format!("{}\n", app.refresh_token);
    refresh(&stack, &spaced).await.assert_status(401);
    stack.anonymous().post(LOGOUT, json!({ "refresh_token": spaced })).await.assert_status(204);
    refresh(&stack, &app.refresh_token).await.assert_status(200);
}

#[tokio::test]
async fn a_body_that_is_none_is_refused() {
    let stack = testkit::stack().await;
    stack.anonymous().post(LOGOUT, json!({ "refresh_token": 5 })).await.assert_invalid(&["/refresh_token"]);
    for body in [json!([]), json!(null)] {
        stack.anonymous().post(LOGOUT, body).await.assert_invalid(&[""]);
    }
}

#[tokio::test]
async fn a_body_of_another_type_signs_nobody_out_without_a_word() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let body = json!({ "refresh_token": app.refresh_token }).to_string();
    // As `navigator.sendBeacon` and forms send it.
    for content_type in ["text/plain;charset=UTF-8", "application/x-www-form-urlencoded"] {
        for client in [&stack.anonymous(), &app.client] {
            let call = client.request("POST", LOGOUT).header("content-type", content_type);
            let answer = call.body(body.clone()).await;
            answer.assert_invalid(&[""]);
            assert_eq!(answer.json()["errors"][0]["code"], "content_type");
        }
        let nothing = stack.anonymous().request("POST", LOGOUT).header("content-type", content_type);
        nothing.await.assert_status(204);
    }
    stack.anonymous().request("POST", LOGOUT).body("{").await.assert_invalid(&[""]);
    let next = refresh(&stack, &app.refresh_token).await;
    next.assert_status(200);
    let body = json!({ "refresh_token": next.str("refresh_token") }).to_string();
    stack.anonymous().request("POST", LOGOUT).body(body).await.assert_status(204);
    refresh(&stack, &next.str("refresh_token")).await.assert_status(401);
}

#[tokio::test]
async fn a_session_s_cookie_needs_its_csrf_token_here_too() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    let forged = browser.csrf("x").request("POST", LOGOUT).await;
    forged.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    browser.get("/api/v1/me").await.assert_status(200);
    browser.request("POST", LOGOUT).await.assert_status(204);
    browser.get("/api/v1/me").await.assert_status(401);
}
