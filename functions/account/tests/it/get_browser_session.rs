//! get-browser-session.

use local::testkit;
use serde_json::{Value, json};

use crate::people::{MIA, app, browser, register, run};

const WHO: &str = "/api/v1/auth/me";

#[tokio::test]
async fn a_page_learns_who_is_signed_in_and_how_to_write() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    let session = browser.csrf("not needed to read").get(WHO).await.json();
    assert_eq!((&session["id"], &session["email"]), (&json!(id), &json!(MIA)));
    assert_eq!((&session["username"], &session["name"]), (&json!("mia"), &json!("mia")));
    assert_eq!(session.get("profile_img"), Some(&Value::Null));
    assert_eq!((&session["role"], &session["roles"]), (&json!("student"), &json!(["student"])));
    assert_eq!((&session["organization_id"], &session["sso_provider"]), (&Value::Null, &Value::Null));
    assert!(session["created_at"].is_string() && session["last_login"].is_string(), "{session}");
    // A page that was reloaded has forgotten the token of the login: this one writes.
    let csrf = session["csrf_token"].as_str().expect("a token");
    let page = browser.csrf(csrf);
    page.patch("/api/v1/me", json!({ "display_name": "Mia K." })).await.assert_status(200);
    assert_eq!(page.get(WHO).await.str("username"), "Mia K.");
}

#[tokio::test]
async fn an_outside_account_and_a_school_are_named() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    for (provider, age) in [("google", "2 days"), ("clever", "1 day")] {
        let sql = format!(
            "insert into identity.external_accounts (provider, subject, user_id, last_login_at)
             values ('{provider}', '1', '{id}', now() - interval '{age}')"
        );
        run(&stack, &sql).await;
    }
    run(&stack, "update identity.users set organization_id = 'lakeside', roles = '{student,educator}'").await;
    let session = browser.get(WHO).await.json();
    assert_eq!(
        (&session["sso_provider"], &session["organization_id"]),
        (&json!("clever"), &json!("lakeside"))
    );
    assert_eq!(session["role"], "educator");
}

#[tokio::test]
async fn a_token_gets_no_csrf_token_even_beside_a_cookie() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    register(&stack, "other@example.org").await;
    let app = app(&stack, MIA).await;
    let session = app.client.get(WHO).await.json();
    assert_eq!(session["email"], MIA);
    assert_eq!(session.get("csrf_token"), None);
    let both =
        app.client.cookie("praxis_session", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").get(WHO).await;
    assert_eq!(both.json().get("csrf_token"), None);
}

#[tokio::test]
async fn somebody_who_has_written_nothing_has_stand_ins() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let session = alice.get(WHO).await.json();
    assert_eq!((&session["username"], &session["created_at"]), (&json!("Mock User"), &Value::Null));
    assert_eq!(session["email"], format!("{}@mock.local", alice.id()));
}

#[tokio::test]
async fn without_a_session_it_is_401() {
    let stack = testkit::stack().await;
    stack.anonymous().get(WHO).await.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    let cookie = stack.anonymous().cookie("praxis_session", "garbage");
    cookie.get(WHO).await.assert_error(401, "UNAUTHORIZED", "no valid session");
}
