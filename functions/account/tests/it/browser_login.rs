//! browser-login.

use local::testkit::{self, Stack};
use serde_json::{Value, json};

use crate::people::{
    BROWSER_LOGIN, MIA, PASSWORD, assert_kept_as_hash, assert_limited, assert_not_logged, browser, register,
    run, value,
};

#[tokio::test]
async fn the_right_password_sets_a_cookie_that_no_script_reads() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let login = json!({ "email": "MIA@example.org", "password": PASSWORD });
    let answer = stack.anonymous().post(BROWSER_LOGIN, login).await;
    answer.assert_status(200);
    let csrf = answer.str("csrf_token");
    let wanted =
        json!({ "id": id, "username": "mia", "email": MIA, "profile_img": null, "csrf_token": csrf });
    assert_eq!(answer.json(), wanted);

    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 1);
    let cookie = &cookies[0];
    assert_eq!((cookie.name.as_str(), cookie.value.len()), ("praxis_session", 43));
    for (name, wanted) in [("httponly", ""), ("samesite", "Lax"), ("path", "/"), ("max-age", "2592000")] {
        assert_eq!(cookie.attribute(name).as_deref(), Some(wanted), "{name}");
    }
    assert_eq!(cookie.attribute("domain"), None, "for this host alone");
    assert_ne!(cookie.value, csrf);
    assert!(!answer.text().contains(&cookie.value), "the secret is in the cookie alone");

    let kept = "select kind || ' ' || method from identity.sign_ins";
    assert_eq!(value::<String>(&stack, kept).await, "browser password");
    assert_kept_as_hash(&stack, "sign_ins.secret_hash", &cookie.value).await;
    let lifetimes = "select (idle_expires_at - created_at)::text || ', ' || (expires_at - created_at)::text
                     from identity.sign_ins";
    assert_eq!(value::<String>(&stack, lifetimes).await, "1 day, 30 days");
    assert_not_logged(&stack, &[PASSWORD, MIA, &cookie.value, &csrf]).await;
}

#[tokio::test]
async fn in_production_the_cookie_is_secure_and_bound_to_the_host() {
    let production =
        Stack::builder().env("APP_ENV", "production").env("AUTH_MODE", "praxis").env("MOCK_AUTH_ENABLED", "");
    let production = production.start().await;
    let new = json!({ "email": MIA, "password": PASSWORD });
    production.anonymous().post("/api/v1/identity/auth/register", new.clone()).await.assert_status(201);
    let answer = production.anonymous().post(BROWSER_LOGIN, new).await;
    answer.assert_status(200);
    let cookie = &answer.set_cookies()[0];
    assert_eq!(cookie.name, "__Host-praxis_session");
    assert_eq!(cookie.attribute("secure").as_deref(), Some(""));
    assert_eq!(cookie.attribute("httponly").as_deref(), Some(""));
    let client = production.anonymous().with_cookies_of(&answer);
    client.get("/api/v1/me").await.assert_status(200);
}

#[tokio::test]
async fn the_session_reads_with_its_cookie_and_writes_with_its_csrf_token() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let page = browser(&stack, MIA).await;
    page.patch("/api/v1/me", json!({ "display_name": "Mia" })).await.assert_status(200);
    let forged = page.csrf("").patch("/api/v1/me", json!({ "display_name": "Eve" })).await;
    forged.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    assert_eq!(page.get("/api/v1/me").await.str("display_name"), "Mia");
}

#[tokio::test]
async fn a_wrong_password_sets_no_cookie() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    for (email, password) in [(MIA, "Wr0ngPass"), ("nobody@example.org", PASSWORD)] {
        let login = json!({ "email": email, "password": password });
        let answer = stack.anonymous().post(BROWSER_LOGIN, login).await;
        answer.assert_error(401, "UNAUTHORIZED", "invalid e-mail or password");
        assert!(answer.set_cookies().is_empty());
    }
    stack.anonymous().post(BROWSER_LOGIN, json!({})).await.assert_invalid(&["/email", "/password"]);
    run(&stack, "update identity.users set deactivated_at = now()").await;
    let answer = stack.anonymous().post(BROWSER_LOGIN, json!({ "email": MIA, "password": PASSWORD })).await;
    answer.assert_error(403, "FORBIDDEN", "the account is deactivated");
    assert_eq!(answer.json()["errors"], Value::Null);
}

#[tokio::test]
async fn both_logins_count_together() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let wrong = json!({ "email": MIA, "password": "Wr0ngPass" });
    for path in [BROWSER_LOGIN, crate::people::LOGIN, BROWSER_LOGIN, crate::people::LOGIN, BROWSER_LOGIN] {
        stack.anonymous().post(path, wrong.clone()).await.assert_status(401);
    }
    assert_limited(&stack.anonymous().post(BROWSER_LOGIN, wrong).await, 15 * 60);
}
