//! Writes that a browser is made to send by a page that is not ours, over all routes that write (CSRF).

use http::Method;
use local::testkit::Stack;

use super::is_guarded;
use crate::{SAMPLE_PERSON, samples, seeded};

/// A session of the sample person whose cookie is the SHA-256 of `secret` in base64url.
async fn session(stack: &Stack, secret: &str) -> String {
    let sql = "insert into identity.sign_ins (id, user_id, kind, method, secret_hash, idle_expires_at, expires_at)
               values (gen_random_uuid(), $1::text::uuid, 'browser', 'password', sha256(sha256($2::text::bytea)),
                       now() + interval '1 day', now() + interval '1 day')
               returning translate(rtrim(encode(sha256($2::text::bytea), 'base64'), '='), '+/', '-_')";
    stack.db().await.query_one(sql, &[&SAMPLE_PERSON, &secret]).await.expect("a session").get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_by_cookie_without_proof_that_a_page_of_ours_sent_it() {
    let stack = seeded().await;
    let browser = stack.anonymous().cookie("praxis_session", &session(&stack, "a browser").await);
    let csrf = browser.get("/api/v1/auth/me").await.str("csrf_token");
    let other = stack.anonymous().cookie("praxis_session", &session(&stack, "another browser").await);
    let foreign_csrf = other.get("/api/v1/auth/me").await.str("csrf_token");
    assert_ne!(csrf, foreign_csrf);
    let mut writes = 0;
    for sample in samples(&stack).into_iter().filter(is_guarded) {
        if sample.method == "GET" {
            continue;
        }
        let path = sample.event["path"].as_str().expect("a path");
        let method = Method::from_bytes(sample.method.as_bytes()).expect("a method");
        let call = |client: &local::testkit::Client| {
            let body = sample.event["body"].as_str().unwrap_or_default().to_owned();
            client.request(method.clone(), path).header("content-type", "application/json").body(body)
        };
        let refused = "missing or wrong CSRF token";
        call(&browser).await.assert_error(403, "FORBIDDEN", refused);
        call(&browser.csrf("")).await.assert_error(403, "FORBIDDEN", refused);
        call(&browser.csrf(&foreign_csrf)).await.assert_error(403, "FORBIDDEN", refused);
        for origin in ["https://evil.example", "null", "http://127.0.0.1.evil.example"] {
            let answer = call(&browser.csrf(&csrf)).header("origin", origin).await;
            answer.assert_error(403, "FORBIDDEN", "this origin may not write");
        }
        // A cookie does not stand in for a token that is wrong.
        let answer = call(&browser.csrf(&csrf)).header("authorization", "Bearer garbage").await;
        assert_eq!(answer.status(), 401, "{}: {answer}", sample.function);
        writes += 1;
    }
    assert!(writes > 15, "{writes} routes write");
}
