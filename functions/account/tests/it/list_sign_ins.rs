//! list-sign-ins.

use local::testkit;
use serde_json::{Value, json};

use crate::people::{MIA, app, browser, register, run};

const SESSIONS: &str = "/api/v1/identity/sessions";

#[tokio::test]
async fn devices_are_listed_newest_first_and_the_own_one_is_marked() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    register(&stack, "other@example.org").await;
    app(&stack, "other@example.org").await;
    let browser = browser(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    run(&stack, "update identity.sign_ins set user_agent = 'Firefox' where kind = 'browser'").await;
    let items = app.client.get(SESSIONS).await.json()["items"].clone();
    let seen: Vec<_> = items
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["kind"].clone(), item["current"].clone(), item["user_agent"].clone()))
        .collect();
    let wanted =
        [(json!("token"), json!(true), Value::Null), (json!("browser"), json!(false), json!("Firefox"))];
    assert_eq!(seen, wanted);
    assert_eq!((&items[0]["method"], &items[0]["ip"]), (&json!("password"), &json!("127.0.0.1")));
    for name in ["id", "created_at", "last_used_at", "expires_at"] {
        assert!(items[0][name].is_string(), "{name} in {items}");
    }
    assert_eq!(items[0].as_object().map(serde_json::Map::len), Some(9), "nothing else is shown: {items}");
    let by_cookie = browser.get(SESSIONS).await.json();
    assert_eq!(by_cookie["items"][1]["current"], true);
}

#[tokio::test]
async fn what_has_ended_is_not_listed() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (_expired, _revoked, app) = (app(&stack, MIA).await, app(&stack, MIA).await, app(&stack, MIA).await);
    let oldest = "update identity.sign_ins set idle_expires_at = now() where id = (select min(id::text)::uuid from identity.sign_ins)";
    run(&stack, oldest).await;
    let next = "update identity.sign_ins set revoked_at = now(), revoked_because = 'logout'
                where id = (select min(id::text)::uuid from identity.sign_ins where idle_expires_at > now())";
    run(&stack, next).await;
    let items = app.client.get(SESSIONS).await.json()["items"].clone();
    assert_eq!(items.as_array().map(Vec::len), Some(1), "{items}");
    assert_eq!(items[0]["current"], true);
    assert_eq!(stack.user().get(SESSIONS).await.json(), json!({ "items": [] }));
}

#[tokio::test]
async fn without_a_token_there_is_no_list() {
    let stack = testkit::stack().await;
    stack.anonymous().get(SESSIONS).await.assert_status(401);
}
