//! Serving, through the local gateway, with a route that misbehaves on demand.

mod database;
mod jobs;
mod limit;
mod nudge;
mod outbox;
mod roles;
mod timeouts;
mod tokens;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use local::template::Template;
use local::testkit::{self, Builder, Stack};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

/// A stack whose only functions are this package's examples.
fn probe() -> Builder {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/template.yaml");
    let template = Template::load(&template, &BTreeMap::new()).expect("the template");
    Stack::builder().template(template, testkit::examples("shared"))
}

/// TLS for a server on 127.0.0.1, and the certificate to trust, which vouches for itself.
fn tls() -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a key that fits its certificate");
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

async fn line_of(stack: &Stack, request_id: &str) -> Value {
    for count in 1.. {
        let lines = stack.wait_for_logs(count).await;
        if let Some(line) = lines.into_iter().find(|line| line["request_id"] == request_id) {
            return line;
        }
    }
    unreachable!("`wait_for_logs` panics when no more lines come")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_runs_as_the_caller() {
    let stack = probe().start().await;
    let alice = stack.user();
    let answer = alice.post("/probe/answer", json!({})).header("x-request-id", "r-1").await;
    answer.assert_status(200);
    assert_eq!(answer.json()["role"], "praxis_request");
    assert_eq!(answer.json()["person"], alice.id().to_string());
    assert_eq!(answer.json()["at"], "2026-03-02T07:05:10.500000Z");
    assert_eq!(answer.header("x-request-id"), Some("r-1"));

    let line = line_of(&stack, "r-1").await;
    assert_eq!(line["function"], "probe");
    assert_eq!(line["route"], "/probe/{behaviour}");
    assert_eq!(line["method"], "POST");
    assert_eq!(line["status_code"], 200);
    assert_eq!(line["cold_start"], true);
    assert_eq!(line["db_round_trips"], 1, "the opening of a transaction travels with its first statement");
    assert_eq!(line["user_id"], alice.id().to_string());
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Praxis");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_500_and_the_sandbox_lives_on() {
    let stack = probe().start().await;
    let alice = stack.user();
    let answer =
        alice.post("/probe/panic", json!({ "word": "swordfish" })).header("x-request-id", "r-1").await;
    answer.assert_error(500, "INTERNAL_ERROR", "internal server error");
    alice.post("/probe/answer", json!({})).header("x-request-id", "r-2").await.assert_status(200);
    assert_eq!(line_of(&stack, "r-2").await["cold_start"], false, "the panic ended the sandbox");
    let log: Vec<String> = stack.lines().into_iter().map(|line| line.line).collect();
    assert!(log.iter().any(|line| line.contains("probe.rs:")), "the log lacks the panic's place: {log:?}");
    assert!(!log.iter().any(|line| line.contains("swordfish")), "the log holds a person's words: {log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_named_in_the_line_and_a_long_path_is_cut() {
    let stack = probe().start().await;
    let long = format!("/probe/{}", "x".repeat(8000));
    let answer = stack.anonymous().bearer("a.b.c").post(&long, json!({})).header("x-request-id", "r-1").await;
    assert!(answer.status() >= 400, "{answer}");
    let line = line_of(&stack, "r-1").await;
    assert_eq!(line["path"].as_str().map(str::len), Some(500));
    assert!(line["network"].is_string(), "{line}");
    assert!(answer.header("strict-transport-security").is_none(), "a laptop has no https");
}

/// Everything that a deployment could say over which secrets or people's words would go in the clear.
#[tokio::test(flavor = "multi_thread")]
async fn production_starts_with_nothing_insecure_and_says_so_by_name() {
    let insecure = [
        ("APP_URL", "http://app.example.org"),
        ("APP_URL", ""),
        ("API_URL", "http://api.example.org"),
        ("OPENAI_BASE_URL", "http://model.example.org/v1"),
        ("REDIS_URL", "redis://:swordfish@cache.example.org"),
        ("DATABASE_URL", "postgres://u:swordfish@db.example.org/d?sslmode=disable"),
        ("CORS_ORIGINS", "http://app.example.org"),
    ];
    for (name, value) in insecure {
        let stack = probe()
            .env("APP_ENV", "production")
            .env("AUTH_MODE", "praxis")
            .env("MOCK_AUTH_ENABLED", "")
            // Here one follows from the other.
            .env("APP_URL", "https://app.example.org")
            .env(name, value)
            .start()
            .await;
        stack.anonymous().post("/probe/answer", json!({})).await.assert_status(502);
        let log: Vec<String> = stack.lines().into_iter().map(|line| line.line).collect();
        assert!(log.iter().any(|line| line.contains(name)), "{name}: {log:?}");
        assert!(!log.iter().any(|line| line.contains("swordfish")), "{log:?}");
    }
    let secure = probe()
        .env("APP_ENV", "production")
        .env("AUTH_MODE", "praxis")
        .env("MOCK_AUTH_ENABLED", "")
        .start()
        .await;
    let answer = secure.anonymous().post("/probe/answer", json!({})).await;
    answer.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
    let year = answer.header("strict-transport-security");
    assert_eq!(year, Some("max-age=31536000; includeSubDomains"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_is_a_504_of_the_contract() {
    let stack = probe().start().await;
    let answer = stack.user().post("/probe/hang", json!({})).await;
    answer.assert_error(504, "TIMEOUT", "the request took too long");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_error_is_logged_and_not_sent() {
    let stack = probe().start().await;
    let answer = stack.user().post("/probe/foreign-error", json!({})).header("x-request-id", "r-1").await;
    answer.assert_error(500, "INTERNAL_ERROR", "internal server error");
    let line = line_of(&stack, "r-1").await;
    assert_eq!(line["cause"], "invalid digit found in string");
    assert!(line["place"].as_str().is_some_and(|place| place.contains("probe.rs:")), "{line}");
    assert_eq!(line["level"], "ERROR");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_statement_failed_is_not_committed_in_silence() {
    let stack = probe().start().await;
    stack.user().post("/probe/swallow-error", json!({})).await.assert_status(500);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_committed_never_was_and_a_kept_connection_comes_back_clean() {
    for connection in ["per_request", "reuse"] {
        let stack = probe().env("DATABASE_CONNECTION", connection).start().await;
        let (alice, bob) = (stack.user(), stack.user());
        alice.post("/probe/leave-open", json!({})).await.assert_status(200);
        alice.post("/probe/swallow-error", json!({})).await.assert_status(500);
        let answer = bob.post("/probe/answer", json!({})).await;
        assert_eq!(answer.json()["person"], bob.id().to_string(), "{connection}: another's claims");
        let rows = stack.db().await.query_one("select count(*) from identity.users", &[]).await.unwrap();
        assert_eq!(rows.get::<_, i64>(0), 0, "{connection}: an uncommitted row");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_travels_with_the_last_statements() {
    let stack = probe().start().await;
    let db = stack.db().await;
    let rows =
        async || db.query_one("select count(*) from identity.users", &[]).await.unwrap().get::<_, i64>(0);

    stack.user().post("/probe/commit-with-failure", json!({})).await.assert_status(500);
    assert_eq!(rows().await, 0, "a failed statement undoes the ones beside it");
    stack.user().post("/probe/commit-with", json!({})).header("x-request-id", "r-1").await.assert_status(200);
    assert_eq!(rows().await, 1);
    assert_eq!(line_of(&stack, "r-1").await["db_round_trips"], 2, "the probe's read, then insert and commit");
    stack
        .user()
        .post("/probe/late-statement", json!({}))
        .header("x-request-id", "r-2")
        .await
        .assert_status(500);
    assert_eq!(line_of(&stack, "r-2").await["cause"], "a statement after the commit");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_stays_open_on_the_server() {
    let stack = probe().start().await;
    let alice = stack.user();
    let calls = (0..8).map(|_| alice.post("/probe/answer", json!({})).into_future());
    for answer in futures_util::future::join_all(calls).await {
        answer.assert_status(200);
    }
    let sql = "select count(*) from pg_stat_activity where application_name = 'probe' and datname = current_database()";
    let db = stack.db().await;
    // The server notices a goodbye a moment after it was sent.
    for _ in 0..100 {
        if db.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("a session stays open");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_field_is_listed_and_lenient_forms_are_read() {
    let stack = probe().start().await;
    let alice = stack.user();
    let bad = json!({
        "word": "elevenchars", "count": 9, "flag": "maybe", "id": "x", "day": "2026-02-30", "words": ["ok", " ", "c"],
    });
    alice
        .post("/probe/answer", bad)
        .await
        .assert_invalid(&["/word", "/count", "/flag", "/id", "/day", "/words"]);
    let bad = json!({ "word": "a\u{0}b", "count": 5.5, "flag": null, "words": ["ok", " "] });
    alice.post("/probe/answer", bad).await.assert_invalid(&["/word", "/count", "/words/1"]);

    let lenient = json!({
        "word": "中文中文中文中文中文", "count": "6", "flag": "yes", "id": "{0E3A7A522B0C4B798D0E4A3A5AD1F001}",
        "unknown": 1,
    });
    let answer = alice.post("/probe/answer", lenient).await;
    answer.assert_status(400); // braces want hyphens
    let lenient = json!({ "word": "中文中文中文中文中文", "count": "6", "flag": "yes",
        "id": "URN:UUID:0E3A7A52-2B0C-4B79-8D0E-4A3A5AD1F001".to_lowercase() });
    let seen = alice.post("/probe/answer", lenient).await;
    seen.assert_status(200);
    assert_eq!(seen.json()["count"], 6);
    assert_eq!(seen.json()["flag"], true);
    assert_eq!(seen.json()["id"], "0e3a7a52-2b0c-4b79-8d0e-4a3a5ad1f001");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_failure_answers_in_the_contract_s_order() {
    let stack = probe().start().await;
    let nobody = stack.anonymous();
    let broken = |caller: &testkit::Client| {
        caller.request("POST", "/probe/nothing").header("content-type", "application/json").body("{")
    };
    broken(&nobody).await.assert_status(400);
    nobody.post("/probe/nothing", json!({})).await.assert_status(401);
    stack.user().post("/probe/nothing", json!({ "count": 1 })).await.assert_invalid(&["/behaviour"]);
    stack.user().post("/probe/answer", json!([])).await.assert_invalid(&[""]);
    stack.user().request("POST", "/probe/answer").await.assert_invalid(&[""]);
    let text = stack.user().request("POST", "/probe/answer").header("content-type", "text/plain").body("{}");
    text.await.assert_invalid(&[""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_setting_fails_the_start_by_its_name() {
    let stack = probe().env("DATABASE_URL", "").start().await;
    stack.user().post("/probe/answer", json!({})).await.assert_status(502);
    let log: Vec<String> = stack.lines().into_iter().map(|line| line.line).collect();
    assert!(
        log.iter().any(|line| line.contains("DATABASE_URL or DATABASE_SECRET_ARN must be set")),
        "{log:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back() {
    for connection in ["per_request", "reuse"] {
        let mut stack = probe().env("DATABASE_CONNECTION", connection).own_server().start().await;
        let alice = stack.user();
        alice.post("/probe/answer", json!({})).await.assert_status(200);
        stack.stop_postgres().await;
        let answer = alice.post("/probe/answer", json!({})).await;
        answer.assert_error(503, "UNAVAILABLE", "database unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        stack.start_postgres().await;
        alice.post("/probe/answer", json!({})).await.assert_status(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_gets_back_only_the_messages_that_failed() {
    let stack = probe().start().await;
    let record = |id: &str, body: &str| json!({ "messageId": id, "body": body });
    let batch = json!({ "Records": [record("1", "ok"), record("2", "fail"), record("3", "panic"), record("4", "ok")] });
    let answer = stack.invoke("worker", batch).await;
    assert_eq!(
        answer,
        json!({ "batchItemFailures": [{ "itemIdentifier": "2" }, { "itemIdentifier": "3" }] })
    );
}
