//! Headers of requests: every line counts, what has one value has one, and the language is that of who is new.

use local::testkit::{self, Stack};
use serde_json::json;

use crate::people::{LOGIN, MIA, PASSWORD, REGISTER, app, browser, mails, register, value};

const ME: &str = "/api/v1/me";

#[tokio::test]
async fn a_cookie_is_found_in_any_line() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let answer =
        stack.anonymous().post("/api/v1/auth/login", json!({ "email": MIA, "password": PASSWORD })).await;
    let session = format!("praxis_session={}", answer.set_cookies()[0].value);
    let nobody = stack.anonymous();
    for lines in [[session.as_str(), "theme=dark"], ["theme=dark", session.as_str()]] {
        let answer = nobody.get(ME).header("cookie", lines[0]).header("cookie", lines[1]).await;
        assert_eq!(answer.assert_status(200).str("email"), MIA);
    }
}

#[tokio::test]
async fn of_two_credentials_none_is_believed() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (mia, session) = (app(&stack, MIA).await.client, browser(&stack, MIA).await);
    let refused = mia.get(ME).header("authorization", "Bearer other").await;
    refused.assert_error(401, "UNAUTHORIZED", "invalid Authorization header");
    // Nor is the session behind them asked.
    let both = session.get(ME).header("authorization", "Bearer x").header("authorization", "Bearer y").await;
    both.assert_error(401, "UNAUTHORIZED", "invalid Authorization header");
    let two = session.patch(ME, json!({})).header("x-csrf-token", "another").await;
    two.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    let metrics = Stack::builder().env("OPS_TOKEN", "right").start().await;
    let operator = metrics.anonymous().bearer("right");
    operator.get("/ops/metrics").await.assert_status(200);
    operator.get("/ops/metrics").header("authorization", "Bearer right").await.assert_status(401);
}

#[tokio::test]
async fn an_origin_of_two_lines_is_none_of_ours() {
    let stack = Stack::builder().env("CORS_ORIGINS", "https://app.example").start().await;
    register(&stack, MIA).await;
    let browser = browser(&stack, MIA).await;
    let write = |origin: &str| {
        browser.patch(ME, json!({})).header("origin", "https://app.example").header("origin", origin)
    };
    write("https://evil.example").await.assert_error(403, "FORBIDDEN", "this origin may not write");
}

#[tokio::test]
async fn the_gateways_own_errors_are_read_by_the_page_that_reads_answers() {
    let origin = "http://app.example.org";
    for (origins, allowed, credentials) in [
        (origin, origin, Some("true")),
        ("http://app.example.org,http://other.example", "*", None),
        ("*", "*", None),
    ] {
        let stack = Stack::builder().env("CORS_ORIGINS", origins).start().await;
        let nobody = stack.anonymous();
        let large = nobody.patch(ME, json!("x".repeat(11 << 20)));
        let calls = [nobody.get("/nope"), nobody.bearer("x").get("/nope"), large];
        for call in calls {
            let answer = call.header("origin", origin).await;
            assert!(matches!(answer.status(), 404 | 413), "{answer}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(allowed), "{answer}");
            assert_eq!(answer.header("access-control-allow-credentials"), credentials, "{answer}");
            let exposed = answer.header("access-control-expose-headers");
            assert_eq!(
                exposed,
                Some("X-Request-ID, Retry-After, RateLimit, RateLimit-Policy, ETag"),
                "{answer}"
            );
            assert!(answer.header("x-request-id").is_some());
        }
        // As a function's own.
        let own = nobody.get(ME).header("origin", origin).await;
        assert_eq!(
            own.header("access-control-expose-headers"),
            Some("X-Request-ID, Retry-After, RateLimit, RateLimit-Policy, ETag")
        );
        assert_eq!(own.header("access-control-allow-credentials").is_some(), origins != "*");
    }
}

#[tokio::test]
async fn who_is_new_is_written_to_as_the_request_prefers() {
    let stack = Stack::builder().env("DEFAULT_LOCALE", "de-AT").start().await;
    for (lines, locale) in [
        (vec!["fr-FR, en-GB;q=0.8, de;q=0.7"], "en-GB"),
        (vec!["fr-FR;q=0.9", "zh-Hant-TW;q=0.5"], "zh-Hant-TW"),
        (vec!["pt-BR"], "de-AT"),
        (vec!["*"], "de-AT"),
        (vec![], "de-AT"),
    ] {
        let alice = stack.user();
        let with =
            |call: testkit::Call| lines.iter().fold(call, |call, line| call.header("accept-language", line));
        // Before the first write, by it, and after it, when the header no longer matters.
        assert_eq!(with(alice.get(ME)).await.str("locale"), locale);
        assert_eq!(with(alice.patch(ME, json!({}))).await.str("locale"), locale);
        assert_eq!(alice.get(ME).header("accept-language", "en").await.str("locale"), locale);

        crate::people::forget_limits(&stack).await;
        let email = format!("{}@example.org", alice.id());
        let new = json!({ "email": email, "password": PASSWORD });
        with(stack.anonymous().post(REGISTER, new)).await.assert_status(201);
        assert_eq!(mails(&stack, "verify_email").await[0]["locale"], locale);
        let mia = app(&stack, &email).await.client;
        assert_eq!(mia.get(ME).header("accept-language", "en").await.str("locale"), locale);
    }
    // What is said counts before what the request prefers.
    let new = json!({ "email": MIA, "password": PASSWORD, "locale": "zh" });
    stack.anonymous().post(REGISTER, new).header("accept-language", "en").await.assert_status(201);
    assert_eq!(mails(&stack, "verify_email").await[0]["locale"], "zh");
}

#[tokio::test]
async fn a_row_that_says_no_language_has_that_of_the_request() {
    let stack = Stack::builder().env("DEFAULT_LOCALE", "").start().await;
    let alice = stack.user();
    let sql = "insert into identity.users (id) values ($1)"; // as the mirror of Supabase's people does
    stack.db().await.execute(sql, &[&alice.id()]).await.expect("a row");
    assert_eq!(alice.get(ME).header("accept-language", "de-CH").await.str("locale"), "de-CH");
    assert_eq!(alice.get(ME).await.str("locale"), "en", "without the setting");
    assert_eq!(alice.patch(ME, json!({ "locale": "zh" })).await.str("locale"), "zh");
    let _: i64 = value(&stack, "select count(*) from identity.users where locale = 'zh'").await;
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_never_repaired() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let body = |bytes: &[u8]| {
        alice.request("PATCH", ME).header("content-type", "application/json").body(bytes.to_vec())
    };
    for broken in [&b"{\"display_name\":\"a\xffb\"}"[..], b"{\"display_name\":\"\xc3\"}", b"\xff\xfe{}"] {
        body(broken).await.assert_invalid(&[""]);
    }
    body(b"\xef\xbb\xbf{\"display_name\":\"Ada\"}").await.assert_status(200);
    assert_eq!(alice.get(ME).await.str("display_name"), "Ada");
    alice.patch(ME, json!({ "display_name": "a" })).await.assert_status(200);
    let escaped = body(br#"{"display_name":"a\ufffdb"}"#).await;
    assert_eq!(escaped.assert_status(200).str("display_name"), "a\u{fffd}b");
    let admin = stack.admin().await;
    admin.get("/api/v1/admin/users?q=%ff").await.assert_invalid(&["/q"]);
    // A login, whose body is read before anybody is known.
    let login = stack.anonymous().request("POST", LOGIN).body(&b"{\"email\":\"\xff\"}"[..]);
    login.await.assert_invalid(&[""]);
}
