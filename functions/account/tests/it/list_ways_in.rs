//! list-ways-in.

use local::testkit;
use serde_json::{Value, json};

use crate::outside_sign_in::{self, mia, sign_in, with, with_csrf};
use crate::people::{MIA, app, link_token, register, run};

const WAYS_IN: &str = "/api/v1/identity/ways-in";

#[tokio::test]
async fn the_password_and_every_account_elsewhere_are_listed() {
    let (stack, provider) = outside_sign_in::start(&[]).await;
    provider.sign_in(mia());
    let (browser, _) = sign_in(&stack, &provider, "google").await;
    let ways = browser.get(WAYS_IN).await;
    ways.assert_status(200);
    let ways = ways.json();
    let [google] = &ways["items"].as_array().unwrap()[..] else { panic!("{ways}") };
    assert_eq!((&google["kind"], &google["email"]), (&json!("google"), &json!(MIA)));
    let members: Vec<&String> = google.as_object().unwrap().keys().collect();
    assert_eq!(members, ["added_at", "email", "id", "kind", "last_used_at"]);
    assert!(google["id"].is_string() && google["last_used_at"].is_string());

    stack
        .anonymous()
        .post("/api/v1/identity/password/forgot", json!({ "email": MIA }))
        .await
        .assert_status(202);
    let reset = json!({
        "token": link_token(&stack, "reset_password").await, "password": "An0ther phrase", "keep_ways_in": [google["id"]],
    });
    stack.anonymous().post("/api/v1/identity/password/reset", reset).await.assert_status(204);
    let login = json!({ "email": MIA, "password": "An0ther phrase" });
    let answer = stack.anonymous().post("/api/v1/identity/auth/login", login).await;
    let caller = stack.anonymous().bearer(&answer.str("access_token"));
    let items = caller.get(WAYS_IN).await.json()["items"].clone();
    let kinds: Vec<&Value> = items.as_array().unwrap().iter().map(|way| &way["kind"]).collect();
    assert_eq!(kinds, ["password", "google"]);
    assert_eq!((&items[0]["id"], &items[0]["email"]), (&Value::Null, &Value::Null));
    assert!(items[0]["last_used_at"].is_string());
}

#[tokio::test]
async fn everybody_sees_their_own_and_nobody_a_secret() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    register(&stack, "ada@example.org").await;
    let (mia, ada) = (app(&stack, MIA).await, app(&stack, "ada@example.org").await);
    let link = format!(
        "insert into identity.external_accounts (provider, subject, user_id, email)
         values ('google', 'a-subject', '{id}', 'mia@gmail.com')"
    );
    run(&stack, &link).await;
    let (mine, hers) = (mia.client.get(WAYS_IN).await, ada.client.get(WAYS_IN).await);
    assert_eq!(mine.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(hers.json()["items"].as_array().unwrap().len(), 1);
    assert!(
        !hers.text().contains("mia") && !mine.text().contains("argon2") && !mine.text().contains("a-subject")
    );
    assert_eq!(stack.user().get(WAYS_IN).await.json(), json!({ "items": [] }));
    stack.anonymous().get(WAYS_IN).await.assert_error(401, "UNAUTHORIZED", "missing Authorization header");
}

#[tokio::test]
async fn what_was_removed_is_gone_from_the_list() {
    let (stack, provider) = outside_sign_in::start(&[]).await;
    register(&stack, MIA).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    provider.sign_in(with(mia(), json!({"sub": "1"})));
    let (browser, _) = sign_in(&stack, &provider, "google").await;
    let caller = with_csrf(&browser).await;
    let id = caller.get(WAYS_IN).await.json()["items"][1]["id"].as_str().unwrap().to_owned();
    let app = app(&stack, MIA).await;
    app.client.delete(&format!("{WAYS_IN}/{id}")).await.assert_status(204);
    assert_eq!(app.client.get(WAYS_IN).await.json()["items"].as_array().unwrap().len(), 1);
}
