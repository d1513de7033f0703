//! Browsers' sessions in a real route: whose they are, how they end, and who may write with them.

use local::testkit::{self, Client, Stack};
use serde_json::json;
use shared::opaque_token::OpaqueToken;
use uuid::Uuid;

use crate::people::{BROWSER_LOGIN, MIA, PASSWORD, register, value};

const ME: &str = "/api/v1/me";
const COOKIE: &str = "praxis_session";

/// Somebody who is signed in on a browser.
struct Browser {
    person: Uuid,
    sign_in: Uuid,
    secret: OpaqueToken,
    /// With the cookie alone.
    client: Client,
}

impl Browser {
    async fn new(stack: &Stack) -> Browser {
        let (person, sign_in, secret) =
            (Uuid::new_v4(), Uuid::new_v4(), OpaqueToken::generate().expect("a secret"));
        let db = stack.db().await;
        let sql =
            "insert into identity.users (id, email, display_name) values ($1, 'ada@example.com', 'Ada')";
        db.execute(sql, &[&person]).await.expect("a person");
        let sql = "insert into identity.sign_ins (id, user_id, kind, method, secret_hash, idle_expires_at, expires_at)
                   values ($1, $2, 'browser', 'password', $3, now() + interval '1 day', now() + interval '30 days')";
        db.execute(sql, &[&sign_in, &person, &secret.hash()]).await.expect("a sign-in");
        let client = stack.anonymous().cookie(COOKIE, &secret.reveal());
        Browser { person, sign_in, secret, client }
    }

    /// As a page of ours calls.
    fn page(&self) -> Client {
        self.client.csrf(&self.secret.derive("csrf").reveal())
    }

    async fn change(&self, stack: &Stack, assignments: &str) {
        let sql = format!("update identity.sign_ins set {assignments} where id = $1");
        stack.db().await.execute(&sql, &[&self.sign_in]).await.expect("a change of the sign-in");
    }

    /// Of the sign-in: how long ago it was used, and how long it lasts unused, in seconds.
    async fn ages(&self, stack: &Stack) -> (f64, f64) {
        let sql = "select extract(epoch from now() - last_used_at)::float8,
                          extract(epoch from idle_expires_at - now())::float8
                   from identity.sign_ins where id = $1";
        let row = stack.db().await.query_one(sql, &[&self.sign_in]).await.expect("the sign-in");
        (row.get(0), row.get(1))
    }
}

#[tokio::test]
async fn a_session_is_its_person_for_reading_and_writing() {
    let stack = testkit::stack().await;
    let browser = Browser::new(&stack).await;
    let profile = browser.client.get(ME).await;
    profile.assert_status(200);
    assert_eq!(profile.str("user_id"), browser.person.to_string());
    assert_eq!(profile.str("display_name"), "Ada");
    browser.page().patch(ME, json!({ "display_name": "Countess" })).await.assert_status(200);
    assert_eq!(browser.client.get(ME).await.str("display_name"), "Countess");
    let logged = stack.wait_for_logs(3).await;
    assert!(logged.iter().all(|line| line["user_id"] == browser.person.to_string()), "{logged:?}");
}

#[tokio::test]
async fn a_session_that_is_not_is_401_in_the_same_words() {
    let stack = testkit::stack().await;
    let refused = async |client: &Client| {
        client.get(ME).await.assert_error(401, "UNAUTHORIZED", "no valid session");
    };
    for value in ["", "x", &"A".repeat(43), &"A".repeat(5000)] {
        refused(&stack.anonymous().cookie(COOKIE, value)).await;
    }
    for ended in [
        "revoked_at = now(), revoked_because = 'revoked'",
        "idle_expires_at = now()",
        "created_at = now() - interval '31 days', idle_expires_at = now() - interval '1 day', expires_at = now()",
    ] {
        let browser = Browser::new(&stack).await;
        browser.client.get(ME).await.assert_status(200);
        browser.change(&stack, ended).await;
        refused(&browser.client).await;
        // Also a write, before anything is said of its token.
        browser.client.patch(ME, json!({})).await.assert_error(401, "UNAUTHORIZED", "no valid session");
    }
    // The hash is what a copy of the database shows: it opens nothing.
    let browser = Browser::new(&stack).await;
    let hash = OpaqueToken::parse(&encoded(&browser.secret.hash())).expect("32 bytes");
    refused(&stack.anonymous().cookie(COOKIE, &hash.reveal())).await;
    // Nor does the token that pages show to the server.
    refused(&stack.anonymous().cookie(COOKIE, &browser.secret.derive("csrf").reveal())).await;
    stack.anonymous().get(ME).await.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
}

#[tokio::test]
async fn a_write_needs_the_session_s_own_csrf_token() {
    let stack = testkit::stack().await;
    let (alice, bob) = (Browser::new(&stack).await, Browser::new(&stack).await);
    let change = json!({ "display_name": "Mallory" });
    let wrong = [
        alice.client.clone(),
        alice.client.csrf(""),
        alice.client.csrf("x"),
        alice.client.csrf(&alice.secret.reveal()),
        alice.client.csrf(&bob.secret.derive("csrf").reveal()),
        alice.client.csrf(&alice.secret.derive("seal").reveal()),
    ];
    for client in wrong {
        let answer = client.patch(ME, change.clone()).await;
        answer.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    }
    assert_eq!(alice.client.get(ME).await.str("display_name"), "Ada", "nothing was written");
    alice.page().patch(ME, change).await.assert_status(200);
}

#[tokio::test]
async fn a_write_from_a_strange_origin_is_403() {
    let builder = Stack::builder().env("APP_URL", "https://app.example/start");
    let builder = builder.env("API_URL", "https://api.example/dev");
    let stack = builder.env("CORS_ORIGINS", "https://one.example, https://two.example/").start().await;
    let browser = Browser::new(&stack).await;
    let write = async |origin: &str| browser.page().patch(ME, json!({})).header("origin", origin).await;
    for origin in ["https://app.example", "https://api.example", "https://one.example", "https://two.example"]
    {
        write(origin).await.assert_status(200);
    }
    for origin in
        ["https://evil.example", "http://app.example", "https://app.example.evil.example", "null", "*", ""]
    {
        write(origin).await.assert_error(403, "FORBIDDEN", "this origin may not write");
    }
    // A read changes nothing, and CORS decides who sees its answer.
    let answer = browser.client.get(ME).header("origin", "https://evil.example").await;
    answer.assert_status(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn no_strange_origin_plants_a_session() {
    let stack = Stack::builder().env("APP_URL", "https://app.example/start").start().await;
    register(&stack, MIA).await;
    let login = || stack.anonymous().request("POST", BROWSER_LOGIN);
    let body = json!({ "email": MIA, "password": PASSWORD });
    for origin in ["https://evil.example", "https://evil.app.example", "http://app.example", "null", ""] {
        // With and without a content type, whose absence spares a page the preflight.
        let calls = [login().json(&body), login().body(body.to_string())];
        for call in calls {
            let answer = call.header("origin", origin).await;
            answer.assert_error(403, "FORBIDDEN", "this origin may not write");
            assert!(answer.set_cookies().is_empty());
        }
    }
    let none: i64 = value(&stack, "select count(*) from identity.sign_ins").await;
    assert_eq!(none, 0);
    // As a form sends it, even where no origin is told.
    login().header("content-type", "text/plain").body(body.to_string()).await.assert_invalid(&[""]);
    login().json(&body).header("origin", "https://app.example").await.assert_status(200);
    login().json(&body).await.assert_status(200);
}

#[tokio::test]
async fn an_open_cors_list_opens_no_session() {
    let stack = Stack::builder().env("CORS_ORIGINS", "*").env("APP_URL", "https://app.example").start().await;
    let browser = Browser::new(&stack).await;
    let write = browser.page().patch(ME, json!({})).header("origin", "https://evil.example").await;
    write.assert_error(403, "FORBIDDEN", "this origin may not write");
    let read = browser.client.get(ME).header("origin", "https://evil.example").await;
    assert_eq!(read.header("access-control-allow-credentials"), None, "a browser keeps the answer to itself");
}

#[tokio::test]
async fn a_preflight_lets_the_application_s_page_come_with_its_session() {
    let stack = Stack::builder().env("CORS_ORIGINS", "https://app.example").start().await;
    let preflight = stack.anonymous().request("OPTIONS", ME).header("origin", "https://app.example");
    let answer = preflight.header("access-control-request-method", "PATCH").await;
    answer.assert_status(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let headers = answer.header("access-control-allow-headers").unwrap_or_default();
    assert!(headers.split(',').any(|name| name == "X-CSRF-Token"), "{headers}");
    let browser = Browser::new(&stack).await;
    let answer = browser.page().patch(ME, json!({})).header("origin", "https://app.example").await;
    answer.assert_status(200);
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
}

#[tokio::test]
async fn a_token_in_the_header_wins_over_the_cookie() {
    let stack = testkit::stack().await;
    let browser = Browser::new(&stack).await;
    let other = browser.client.mock(Uuid::new_v4());
    assert_eq!(other.get(ME).await.str("user_id"), other.id().to_string());
    // No page of another site can send that header, so it needs no CSRF token.
    other.patch(ME, json!({})).await.assert_status(200);
    let bad = browser.client.bearer("garbage").get(ME).await;
    bad.assert_error(401, "UNAUTHORIZED", "invalid mock token");
}

#[tokio::test]
async fn use_moves_the_idle_end_once_a_minute_and_never_beyond_the_last() {
    let stack = Stack::builder().env("SESSION_IDLE_MINUTES", "60").start().await;
    let browser = Browser::new(&stack).await;
    browser.change(&stack, "last_used_at = now() - interval '30 seconds'").await;
    browser.client.get(ME).await.assert_status(200);
    let (used, left) = browser.ages(&stack).await;
    assert!(used >= 30.0 && left > 80_000.0, "used again too soon: {used} {left}");

    let long_ago =
        "last_used_at = now() - interval '10 minutes', idle_expires_at = now() + interval '1 minute'";
    browser.change(&stack, long_ago).await;
    browser.client.get(ME).await.assert_status(200);
    let (used, left) = browser.ages(&stack).await;
    assert!(used < 60.0 && (3000.0..=3600.0).contains(&left), "{used} {left}");

    browser.change(&stack, &format!("{long_ago}, expires_at = now() + interval '20 minutes'")).await;
    browser.client.get(ME).await.assert_status(200);
    let (used, left) = browser.ages(&stack).await;
    assert!(used < 60.0 && left <= 1200.0, "{used} {left}");
}

#[tokio::test]
async fn many_requests_at_once_of_a_session_all_hold() {
    let stack = testkit::stack().await;
    let browser = Browser::new(&stack).await;
    browser.change(&stack, "last_used_at = now() - interval '1 hour'").await;
    let page = browser.page();
    let calls = (0..8).map(|n| {
        let page = page.clone();
        tokio::spawn(async move {
            match n % 2 {
                0 => page.get(ME).await.status(),
                _ => page.patch(ME, json!({})).await.status(),
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.expect("a call"), 200);
    }
    assert!(browser.ages(&stack).await.0 < 60.0);
}

#[tokio::test]
async fn a_deactivated_person_s_session_opens_nothing() {
    let stack = testkit::stack().await;
    let browser = Browser::new(&stack).await;
    let sql = "update identity.users set deactivated_at = now() where id = $1";
    stack.db().await.execute(sql, &[&browser.person]).await.expect("a deactivation");
    browser.client.get(ME).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
}

#[tokio::test]
async fn only_a_laptop_s_cookie_is_for_plain_http() {
    let production = Stack::builder().env("APP_ENV", "production").env("AUTH_MODE", "praxis");
    let stacks = [
        // As the template deploys it.
        Stack::builder().env("APP_ENV", "development").env("COOKIES_OVER_HTTP", ""),
        Stack::builder().env("COOKIES_OVER_HTTP", "perhaps"),
        production.env("MOCK_AUTH_ENABLED", "").env("COOKIES_OVER_HTTP", "true"),
    ];
    for stack in stacks {
        let stack = stack.start().await;
        let browser = Browser::new(&stack).await;
        let answer = browser.client.get(ME).await;
        answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
        let client = stack.anonymous().cookie(&format!("__Host-{COOKIE}"), &browser.secret.reveal());
        assert_eq!(client.get(ME).await.str("user_id"), browser.person.to_string());
        let cookie = stack.anonymous().request("POST", "/api/v1/auth/logout").await.set_cookies().remove(0);
        assert_eq!(cookie.name, format!("__Host-{COOKIE}"));
        assert_eq!(cookie.attribute("secure").as_deref(), Some(""));
    }
    let laptop = testkit::stack().await;
    let cookie = laptop.anonymous().request("POST", "/api/v1/auth/logout").await.set_cookies().remove(0);
    assert_eq!((cookie.name.as_str(), cookie.attribute("secure")), (COOKIE, None));
}

#[tokio::test]
async fn the_secret_reaches_no_log_and_no_row() {
    let stack = testkit::stack().await;
    let browser = Browser::new(&stack).await;
    browser.page().patch(ME, json!({})).await.assert_status(200);
    browser.client.patch(ME, json!({})).await.assert_status(403);
    stack.wait_for_logs(2).await;
    let secrets = [browser.secret.reveal(), browser.secret.derive("csrf").reveal()];
    let lines = stack.lines();
    assert!(lines.iter().all(|line| secrets.iter().all(|secret| !line.line.contains(secret))), "{lines:?}");
    crate::people::assert_kept_as_hash(&stack, "sign_ins.secret_hash", &browser.secret.reveal()).await;
    let row: String = crate::people::value(&stack, "select sign_ins::text from identity.sign_ins").await;
    let csrf = browser.secret.derive("csrf").reveal();
    assert!(!row.contains(&csrf) && !row.contains(&hex(&csrf)), "{row}");
}

/// The bytes of a token, as PostgreSQL shows them.
fn hex(token: &str) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).expect("base64url");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
