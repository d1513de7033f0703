//! What the tests of sign-in share: people with passwords, their networks, and the links in their mails.

use local::testkit::{Answer, Client, Stack};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const REGISTER: &str = "/api/v1/identity/auth/register";
pub(crate) const LOGIN: &str = "/api/v1/identity/auth/login";
pub(crate) const REFRESH: &str = "/api/v1/identity/auth/refresh";
pub(crate) const ME: &str = "/api/v1/identity/users/me";
pub(crate) const BROWSER_LOGIN: &str = "/api/v1/auth/login";
pub(crate) const PASSWORD: &str = "Str0ngPass";
pub(crate) const MIA: &str = "mia@example.org";

/// An app on which somebody is signed in.
pub(crate) struct App {
    pub(crate) client: Client,
    pub(crate) refresh_token: String,
}

/// Registers a person with [`PASSWORD`] and gives their id.
pub(crate) async fn register(stack: &Stack, email: &str) -> Uuid {
    forget_limits(stack).await;
    let answer = stack.anonymous().post(REGISTER, json!({ "email": email, "password": PASSWORD })).await;
    answer.assert_status(201);
    answer.str("id").parse().expect("an id")
}

pub(crate) async fn login(stack: &Stack, email: &str, password: &str) -> Answer {
    stack.anonymous().post(LOGIN, json!({ "email": email, "password": password })).await
}

/// Signs a registered person in on an app.
pub(crate) async fn app(stack: &Stack, email: &str) -> App {
    let answer = login(stack, email, PASSWORD).await;
    answer.assert_status(200);
    App {
        client: stack.anonymous().bearer(&answer.str("access_token")),
        refresh_token: answer.str("refresh_token"),
    }
}

/// Signs a registered person in on a browser, whose client has the cookie and sends the CSRF token.
pub(crate) async fn browser(stack: &Stack, email: &str) -> Client {
    let answer = stack.anonymous().post(BROWSER_LOGIN, json!({ "email": email, "password": PASSWORD })).await;
    answer.assert_status(200);
    stack.anonymous().with_cookies_of(&answer).csrf(&answer.str("csrf_token"))
}

pub(crate) async fn refresh(stack: &Stack, token: &str) -> Answer {
    stack.anonymous().post(REFRESH, json!({ "refresh_token": token })).await
}

/// Lets everybody try again.
pub(crate) async fn forget_limits(stack: &Stack) {
    stack.db().await.execute("delete from identity.rate_limits", &[]).await.expect("no limits");
}

/// Calls a function with a JSON body from another network; gives status and body.
pub(crate) async fn call_from(stack: &Stack, ip: &str, function: &str, body: Value) -> (u16, Value) {
    let file = local::project::root().join(format!("events/account/{function}.json"));
    let text = std::fs::read_to_string(file).expect("a sample event");
    let mut event: Value = serde_json::from_str(&text).expect("an event that is JSON");
    event["requestContext"]["identity"]["sourceIp"] = ip.into();
    // Believed by nobody.
    event["headers"]["X-Forwarded-For"] = "198.51.100.1".into();
    event["multiValueHeaders"]["X-Forwarded-For"] = json!(["198.51.100.1"]);
    event["body"] = body.to_string().into();
    let answer = stack.invoke(function, event).await;
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let body = answer["body"].as_str().and_then(|text| serde_json::from_str(text).ok());
    (status.expect("a status"), body.unwrap_or_default())
}

/// One value of the database.
pub(crate) async fn value<T: tokio_postgres::types::FromSqlOwned>(stack: &Stack, sql: &str) -> T {
    stack.db().await.query_one(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

pub(crate) async fn run(stack: &Stack, sql: &str) -> u64 {
    stack.db().await.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

/// How often an act is on record.
pub(crate) async fn acts(stack: &Stack, action: &str) -> i64 {
    value(stack, &format!("select count(*) from identity.audit_log where action = '{action}'")).await
}

/// The mails of a template that wait to be sent, the newest first.
pub(crate) async fn mails(stack: &Stack, template: &str) -> Vec<Value> {
    let sql = "select payload from platform.outbox where topic = 'mail' and payload ->> 'template' = $1
               order by created_at desc, id desc";
    let rows = stack.db().await.query(sql, &[&template]).await.expect("the outbox");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The token of the newest mail of a template.
pub(crate) async fn link_token(stack: &Stack, template: &str) -> String {
    let mails = mails(stack, template).await;
    let link = mails.first().and_then(|mail| mail["link"].as_str()).expect("a mail with a link");
    link.split_once("#token=").expect("a token in the link").1.to_owned()
}

/// Whether the functions wrote one of these texts anywhere.
pub(crate) async fn assert_not_logged(stack: &Stack, secrets: &[&str]) {
    stack.wait_for_logs(1).await;
    for line in stack.lines() {
        for secret in secrets {
            assert!(!line.line.contains(secret), "{secret} stands in the logs: {}", line.line);
        }
    }
}

/// Asserts that a column of `identity` (`sign_ins.secret_hash`) keeps the SHA-256 of a token, and that no row of a sign-in
/// keeps the token itself, neither its text nor its bytes.
pub(crate) async fn assert_kept_as_hash(stack: &Stack, column: &str, token: &str) {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(token).expect("base64url");
    assert_eq!(bytes.len(), 32, "256 bits");
    let db = stack.db().await;
    let table = column.split('.').next().expect("a table");
    let sql = format!("select count(*) from identity.{table} where {column} = sha256($1)");
    let hashed: i64 = db.query_one(&sql, &[&bytes]).await.expect("a count").get(0);
    assert_eq!(hashed, 1, "{column} has no hash of the token");
    let sql = "select sign_ins::text from identity.sign_ins
               union all select refresh_tokens::text from identity.refresh_tokens";
    let rows: Vec<String> = db.query(sql, &[]).await.expect("rows").iter().map(|row| row.get(0)).collect();
    let hex = "select encode(sha256($1), 'hex'), encode($1, 'hex')";
    let row = db.query_one(hex, &[&bytes]).await.expect("both in hexadecimal");
    let (hash, raw): (String, String) = (row.get(0), row.get(1));
    assert!(rows.iter().any(|row| row.contains(&hash)), "bytes are not shown as hexadecimal: {rows:?}");
    assert!(!rows.iter().any(|row| row.contains(token) || row.contains(&raw)), "{rows:?}");
}

/// Asserts a 429 with a `Retry-After` within the window.
#[track_caller]
pub(crate) fn assert_limited(answer: &Answer, window: u32) {
    answer.assert_status(429);
    assert_eq!(answer.json()["error_code"], "RATE_LIMITED");
    let seconds: u32 = answer.header("retry-after").expect("Retry-After").parse().expect("seconds");
    assert!((1..=window).contains(&seconds), "{seconds} of {window} seconds");
}
