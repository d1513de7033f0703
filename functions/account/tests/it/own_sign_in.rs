//! `AUTH_MODE` without `praxis`: nobody registers or signs in here. And the settings of how long a sign-in lasts.

use local::testkit::Stack;
use local::testkit::fakes::IdentityProvider;
use serde_json::json;
use shared::opaque_token::OpaqueToken;
use uuid::Uuid;

use crate::outside_sign_in;
use crate::people::{BROWSER_LOGIN, LOGIN, MIA, PASSWORD, REFRESH, REGISTER, value};

const API_ME: &str = "/api/v1/me";

/// How many rows the sign-in has made.
async fn rows(stack: &Stack) -> i64 {
    let tables = [
        "identity.users",
        "identity.emails",
        "identity.passwords",
        "identity.external_accounts",
        "identity.sign_ins",
        "identity.refresh_tokens",
        "identity.mail_tokens",
        "identity.oidc_attempts",
        "identity.rate_limits",
        "identity.audit_log",
        "platform.outbox",
    ];
    let counts: Vec<String> = tables.iter().map(|table| format!("(select count(*) from {table})")).collect();
    value(stack, &format!("select {}", counts.join(" + "))).await
}

#[tokio::test]
async fn with_supabase_alone_nobody_registers_or_signs_in_here() {
    let provider = IdentityProvider::start().await;
    // With keys and both providers, so that nothing else is missing.
    let settings = [
        ("AUTH_MODE", "supabase"),
        ("MOCK_AUTH_ENABLED", ""),
        ("SUPABASE_URL", provider.url()),
        ("SUPABASE_ANON_KEY", "public"),
    ];
    let (stack, _google) = outside_sign_in::start(&settings).await;
    let person = outside_sign_in::account(&stack, MIA, true).await;
    let (session, refresh) = (token(), token());
    let sql = "with sign_in as (
                   insert into identity.sign_ins (id, user_id, kind, method, secret_hash, idle_expires_at, expires_at)
                   select gen_random_uuid(), $1, kind, 'password', secret_hash, now() + interval '1 day',
                          now() + interval '1 day'
                   from (values ('browser', $2::bytea), ('token', null)) held (kind, secret_hash)
                   returning id, user_id, kind
               )
               insert into identity.refresh_tokens (token_hash, sign_in_id, user_id)
               select $3, id, user_id from sign_in where kind = 'token'";
    let sign_ins = stack.db().await.execute(sql, &[&person, &session.hash(), &refresh.hash()]).await;
    assert_eq!(sign_ins.expect("two sign-ins"), 1, "one of them has a refresh token");
    let before = rows(&stack).await;

    let nobody = stack.anonymous();
    let credentials = json!({ "email": MIA, "password": PASSWORD });
    let posts = [
        (REGISTER, json!({ "email": "new@example.org", "password": PASSWORD })),
        (LOGIN, credentials.clone()),
        (BROWSER_LOGIN, credentials),
        (REFRESH, json!({ "refresh_token": refresh.reveal() })),
        ("/api/v1/identity/password/forgot", json!({ "email": MIA })),
        ("/api/v1/identity/password/reset", json!({ "token": token().reveal(), "password": "Other0Pass" })),
    ];
    for (path, body) in posts {
        let answer = nobody.post(path, body).await;
        answer.assert_error(503, "UNAVAILABLE", "sign-in is not configured");
    }
    for name in ["google", "clever"] {
        for end in ["login", "callback", "callback?code=a", "callback?code=a&state=b"] {
            let answer = nobody.get(&format!("/api/v1/auth/{name}/{end}")).await;
            answer.assert_error(503, "UNAVAILABLE", "sign-in is not configured");
            assert!(answer.set_cookies().is_empty(), "{answer}");
        }
    }
    assert_eq!(rows(&stack).await, before, "nothing was made");

    // A session from before is as if it were absent; whoever the project knows is a person.
    let browser = nobody.cookie("praxis_session", &session.reveal()).csrf(&session.derive("csrf").reveal());
    browser.get(API_ME).await.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    let write = browser.patch(API_ME, json!({ "display_name": "Eve" })).await;
    write.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    let outsider = Uuid::new_v4();
    let answer = browser.bearer(&provider.token(outsider)).get(API_ME).await;
    assert_eq!(answer.str("user_id"), outsider.to_string());
}

#[tokio::test]
async fn a_lifetime_that_is_none_fails_the_start_by_its_name() {
    for (name, text) in [
        ("SESSION_IDLE_MINUTES", "a day"),
        ("SESSION_MAX_DAYS", "1.5"),
        ("REFRESH_IDLE_DAYS", "P30D"),
        ("SIGN_IN_MAX_DAYS", "1000001"),
    ] {
        let stack = Stack::builder().env(name, text).start().await;
        let answer = stack.anonymous().post(LOGIN, json!({ "email": MIA, "password": PASSWORD })).await;
        answer.assert_status(502);
        assert!(stack.lines().iter().any(|line| line.line.contains(name)), "{name} is not named");
    }
}

fn token() -> OpaqueToken {
    OpaqueToken::generate().expect("a token")
}
