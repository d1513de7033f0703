//! preview-password-reset.

use local::testkit::{self, Answer, Client, Stack};
use serde_json::json;

use crate::people::{MIA, app, assert_not_logged, link_token, register, run};

async fn requested(stack: &Stack) -> String {
    let forgot = json!({ "email": MIA });
    stack.anonymous().post("/api/v1/identity/password/forgot", forgot).await.assert_status(202);
    link_token(stack, "reset_password").await
}

async fn preview(caller: &Client, token: &str) -> Answer {
    caller.post("/api/v1/identity/password/reset/preview", json!({ "token": token })).await
}

#[tokio::test]
async fn the_holder_of_a_link_sees_the_ways_in_and_does_not_use_it_up() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let link = format!(
        "insert into identity.external_accounts (provider, subject, user_id, email)
         values ('google', 'x', '{id}', 'mia@gmail.com')"
    );
    run(&stack, &link).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    let token = requested(&stack).await;
    for _ in 0..2 {
        let answer = preview(&stack.anonymous(), &token).await;
        answer.assert_status(200);
        let seen = answer.json();
        assert_eq!(seen["starts_anew"], false);
        let ways = seen["ways_in"].as_array().unwrap();
        assert_eq!(ways.len(), 1, "the password is what changes: {seen}");
        assert_eq!((&ways[0]["kind"], &ways[0]["email"]), (&json!("google"), &json!("mia@gmail.com")));
    }
    let reset = json!({ "token": token, "password": "An0ther phrase" });
    stack.anonymous().post("/api/v1/identity/password/reset", reset).await.assert_status(204);
    preview(&stack.anonymous(), &token).await.assert_invalid(&["/token"]);
    assert_not_logged(&stack, &[&token]).await;
}

#[tokio::test]
async fn of_an_address_that_was_never_proven_only_that_is_told() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let link = format!(
        "insert into identity.external_accounts (provider, subject, user_id, email)
         values ('google', 'x', '{id}', 'stranger@gmail.com')"
    );
    run(&stack, &link).await;
    let stranger = app(&stack, MIA).await;
    let token = requested(&stack).await;
    let seen = preview(&stack.anonymous(), &token).await.json();
    assert_eq!(seen, json!({ "starts_anew": true, "ways_in": [] }));
    // Who is signed in to the account goes on with it.
    let seen = preview(&stranger.client, &token).await.json();
    assert_eq!((&seen["starts_anew"], seen["ways_in"].as_array().unwrap().len()), (&json!(false), 1));
}

#[tokio::test]
async fn an_old_link_a_link_for_something_else_and_none_are_refused() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let verify = link_token(&stack, "verify_email").await;
    let token = requested(&stack).await;
    for wrong in ["x", &verify] {
        preview(&stack.anonymous(), wrong).await.assert_invalid(&["/token"]);
    }
    run(&stack, "update identity.mail_tokens set expires_at = now()").await;
    preview(&stack.anonymous(), &token).await.assert_invalid(&["/token"]);
    let none = stack.anonymous().post("/api/v1/identity/password/reset/preview", json!({})).await;
    none.assert_invalid(&["/token"]);
}
