//! get-me.

use local::testkit;
use serde_json::json;

#[tokio::test]
async fn somebody_who_has_written_nothing_has_the_token_s_name_the_defaults_and_no_row() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let answer = alice.get("/api/v1/me").await;
    answer.assert_status(200);
    let profile = json!({
        "user_id": alice.id(),
        "email": format!("{}@mock.local", alice.id()),
        "display_name": "Mock User",
        "locale": "zh-CN",
        "timezone": "UTC",
        "created_at": null,
    });
    assert_eq!(answer.json(), profile);
    let rows = stack.db().await.query("select from identity.users", &[]).await.unwrap();
    assert!(rows.is_empty(), "a read writes nothing");
}

#[tokio::test]
async fn the_first_write_keeps_what_was_shown_before_it() {
    let stack = testkit::stack().await;
    let alice = stack.user();
    let before = alice.get("/api/v1/me").await.json();
    alice.patch("/api/v1/me", json!({})).await.assert_status(200);
    let mut after = alice.get("/api/v1/me").await.json();
    assert!(after["created_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{after}");
    after["created_at"] = before["created_at"].clone();
    assert_eq!(before, after);
}

#[tokio::test]
async fn everybody_sees_their_own() {
    let stack = testkit::stack().await;
    let (alice, bob) = (stack.user(), stack.user());
    alice.patch("/api/v1/me", json!({ "display_name": "Alice" })).await.assert_status(200);
    assert_eq!(alice.get("/api/v1/me").await.str("display_name"), "Alice");
    let bobs = bob.get("/api/v1/me").await.json();
    assert_eq!(
        (bobs["user_id"].as_str(), bobs["display_name"].as_str()),
        (Some(&*bob.id().to_string()), Some("Mock User"))
    );
}

#[tokio::test]
async fn without_a_token_there_is_no_profile() {
    let stack = testkit::stack().await;
    let answer = stack.anonymous().get("/api/v1/me").await;
    answer.assert_status(401);
    assert_eq!(answer.str("error_code"), "UNAUTHORIZED");
    let answer = stack.anonymous().bearer("garbage").get("/api/v1/me").await;
    answer.assert_error(401, "UNAUTHORIZED", "invalid mock token");
}

#[tokio::test]
async fn without_a_database_it_is_unavailable() {
    let mut stack = testkit::Stack::builder().own_server().start().await;
    let alice = stack.user();
    stack.stop_postgres().await;
    let answer = alice.get("/api/v1/me").await;
    answer.assert_error(503, "UNAVAILABLE", "database unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
    stack.start_postgres().await;
    alice.get("/api/v1/me").await.assert_status(200);
}
