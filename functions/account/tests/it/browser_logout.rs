//! browser-logout.

use local::testkit::{self, Answer};
use serde_json::json;

use crate::people::{MIA, acts, app, browser, refresh, register, value};

const LOGOUT: &str = "/api/v1/auth/logout";

#[track_caller]
fn assert_signed_out(answer: &Answer) {
    answer.assert_status(200);
    assert_eq!(answer.json(), json!({ "message": "Logged out successfully" }));
    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 1);
    assert_eq!((cookies[0].name.as_str(), cookies[0].value.as_str()), ("praxis_session", ""));
    assert_eq!(cookies[0].attribute("max-age").as_deref(), Some("0"));
    assert_eq!(cookies[0].attribute("path").as_deref(), Some("/"));
}

#[tokio::test]
async fn the_session_ends_here_and_nowhere_else() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (one, other) = (browser(&stack, MIA).await, browser(&stack, MIA).await);
    for _ in 0..2 {
        assert_signed_out(&one.request("POST", LOGOUT).await);
    }
    one.get("/api/v1/me").await.assert_status(401);
    other.get("/api/v1/me").await.assert_status(200);
    assert_eq!(acts(&stack, "user.signed_out").await, 1);
    let because = "select revoked_because from identity.sign_ins where revoked_at is not null";
    assert_eq!(value::<String>(&stack, because).await, "logout");
}

#[tokio::test]
async fn without_a_session_it_is_the_same() {
    let stack = testkit::stack().await;
    assert_signed_out(&stack.anonymous().request("POST", LOGOUT).await);
    for cookie in ["garbage", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_signed_out(&stack.anonymous().cookie("praxis_session", cookie).request("POST", LOGOUT).await);
    }
}

#[tokio::test]
async fn another_site_signs_nobody_out() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    let forged = browser.csrf("x").request("POST", LOGOUT).await;
    forged.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    let elsewhere = browser.request("POST", LOGOUT).header("origin", "https://evil.example").await;
    elsewhere.assert_status(403);
    browser.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn an_app_s_token_ends_the_app_s_sign_in() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    assert_signed_out(&app.client.request("POST", LOGOUT).await);
    refresh(&stack, &app.refresh_token).await.assert_status(401);
}
