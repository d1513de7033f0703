//! What the tests of sign-in with Google and with Clever share: a stack with a provider, and the ways of a browser.

use local::testkit::{Answer, Client, Stack, fakes::OidcProvider};
use serde_json::{Value, json};
use uuid::Uuid;

/// Where the web application is said to be.
pub(crate) const APP: &str = "https://app.example.com";

/// Everything of a failed sign-in that a browser may know.
pub(crate) const FAILED: &str = "Authentication failed. Please try again.";

/// A stack that is registered with one provider twice, as Google's and as Clever's client.
pub(crate) async fn start(settings: &[(&str, &str)]) -> (Stack, OidcProvider) {
    let provider = OidcProvider::start().await;
    let mut builder = Stack::builder().env("APP_URL", format!("{APP}/"));
    for name in ["GOOGLE", "CLEVER"] {
        builder = builder
            .env(&format!("{name}_CLIENT_ID"), provider.client_id())
            .env(&format!("{name}_CLIENT_SECRET"), provider.client_secret())
            .env(&format!("{name}_ISSUER"), provider.issuer());
    }
    builder = builder.env("CLEVER_API_URL", provider.issuer());
    for (name, value) in settings {
        builder = builder.env(name, *value);
    }
    (builder.start().await, provider)
}

/// Somebody whom Google knows well, at a school whose mail it hosts.
pub(crate) fn mia() -> Value {
    json!({
        "sub": "10769150350006150715113082367", "email": "Mia@Example.org", "email_verified": true, "name": "Mia Lee",
        "hd": "Example.ORG",
    })
}

/// The browser with the CSRF token of its session.
pub(crate) async fn with_csrf(browser: &Client) -> Client {
    let answer = browser.get("/api/v1/auth/me").await;
    answer.assert_status(200);
    browser.csrf(&answer.str("csrf_token"))
}

/// The same person with other claims; null takes one away.
pub(crate) fn with(mut person: Value, claims: Value) -> Value {
    for (name, value) in claims.as_object().into_iter().flatten() {
        person[name] = value.clone();
    }
    person.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
    person
}

/// A browser goes to the provider: gives it with its new cookies, and the path with which it comes back.
pub(crate) async fn go(
    stack: &Stack,
    provider: &OidcProvider,
    browser: &Client,
    name: &str,
) -> (Client, String) {
    let answer = browser.get(&format!("/api/v1/auth/{name}/login?return_to=/practice%3Fa=1%23b")).await;
    answer.assert_status(302);
    let there = answer.header("location").expect("an address").to_owned();
    let back = provider.visit(&there).await;
    let path = back.strip_prefix(&stack.url()).expect("the way back is this API's").to_owned();
    (browser.with_cookies_of(&answer), path)
}

/// A new browser signs in.
pub(crate) async fn sign_in(stack: &Stack, provider: &OidcProvider, name: &str) -> (Client, Answer) {
    let (browser, back) = go(stack, provider, &stack.anonymous(), name).await;
    let answer = browser.get(&back).await;
    (browser.with_cookies_of(&answer), answer)
}

/// Asserts that a browser was sent on, signed in; gives the person.
#[track_caller]
pub(crate) fn assert_signed_in(answer: &Answer) {
    answer.assert_status(302);
    assert_eq!(answer.header("location"), Some("https://app.example.com/practice?a=1#b"));
    let cookies = answer.set_cookies();
    let session = cookies.iter().find(|cookie| cookie.name == "praxis_session").expect("a session's cookie");
    assert_eq!(session.value.len(), 43);
    assert_eq!(session.attribute("httponly").as_deref(), Some(""));
    assert_eq!(session.attribute("samesite").as_deref(), Some("Lax"));
    assert_eq!(session.attribute("path").as_deref(), Some("/"));
}

/// Asserts that a browser was not signed in.
#[track_caller]
pub(crate) fn assert_not_signed_in(answer: &Answer) {
    assert!(answer.set_cookies().iter().all(|cookie| cookie.name != "praxis_session"), "{answer}");
    assert_eq!(answer.header("location"), None);
}

/// The person as whom a browser is signed in.
pub(crate) async fn me(browser: &Client) -> Uuid {
    let answer = browser.get("/api/v1/me").await;
    answer.assert_status(200);
    answer.str("user_id").parse().expect("an id")
}

/// Makes an account with a password, whose address is verified or not.
pub(crate) async fn account(stack: &Stack, email: &str, is_verified: bool) -> Uuid {
    let db = stack.db().await;
    let id = Uuid::now_v7();
    let verified = if is_verified { "now()" } else { "null" };
    let sql = format!(
        "insert into identity.users (id, email, display_name) values ('{id}', '{email}', 'Known');
         insert into identity.emails (email, user_id, verified_at) values ('{email}', '{id}', {verified});
         insert into identity.passwords (user_id, password_hash) values ('{id}', '$argon2id$v=19$known')"
    );
    db.batch_execute(&sql).await.expect("an account");
    id
}

/// The one number that a query gives.
pub(crate) async fn count(stack: &Stack, sql: &str) -> i64 {
    let db = stack.db().await;
    db.query_one(&format!("select count(*) from {sql}"), &[]).await.expect("a number").get(0)
}

/// What a browser accepts of a page that it goes to.
pub(crate) const PAGE: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Asserts that a browser was sent to the page that tells of a failed sign-in, with nothing but this reason, and that the
/// log has the error: its status and hidden cause.
pub(crate) async fn assert_told(stack: &Stack, answer: &Answer, reason: &str, status: u16, cause: &str) {
    answer.assert_status(302);
    assert_eq!(answer.header("location"), Some(format!("{APP}/sign-in?error={reason}").as_str()));
    assert!(answer.bytes().is_empty() && answer.set_cookies().is_empty(), "{answer}");
    let line = log_line(stack, answer).await;
    assert_eq!((&line["status_code"], &line["cause"]), (&json!(status), &json!(cause)));
    assert_eq!(line["level"], if status < 500 { "INFO" } else { "ERROR" });
}

/// The hidden cause in the log line of a request.
pub(crate) async fn cause(stack: &Stack, answer: &Answer) -> String {
    log_line(stack, answer).await["cause"].as_str().unwrap_or_default().to_owned()
}

/// The log line of a request.
pub(crate) async fn log_line(stack: &Stack, answer: &Answer) -> Value {
    let id = answer.header("x-request-id").expect("a request id").to_owned();
    for _ in 0..1000 {
        if let Some(line) = stack.logs().iter().find(|line| line["request_id"] == id.as_str()) {
            return line.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no log line of {id}");
}
