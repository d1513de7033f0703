//! confirm-email-change.

use local::testkit::{self, Answer, Stack};
use serde_json::json;

use crate::people::{App, ME, MIA, PASSWORD, acts, app, link_token, login, mails, register, run, value};

const NEW: &str = "mia.new@example.org";

async fn confirm(stack: &Stack, token: &str) -> Answer {
    stack.anonymous().post("/api/v1/identity/email/confirm", json!({ "token": token })).await
}

/// Asks for another address, and gives the link's token.
async fn requested(stack: &Stack, app: &App, email: &str) -> String {
    let change = json!({ "email": email, "password": PASSWORD });
    app.client.post("/api/v1/identity/email/change", change).await.assert_status(202);
    link_token(stack, "change_email").await
}

#[tokio::test]
async fn the_new_address_signs_in_and_the_old_one_is_told() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    let app = app(&stack, MIA).await;
    let token = requested(&stack, &app, NEW).await;
    confirm(&stack, &token).await.assert_status(204);
    let user = app.client.get(ME).await.json();
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(NEW), &json!(true)));
    assert_eq!(app.client.get("/api/v1/me").await.str("email"), NEW);
    login(&stack, NEW, PASSWORD).await.assert_status(200);
    login(&stack, MIA, PASSWORD).await.assert_status(401);
    let told = mails(&stack, "email_changed").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["to"], MIA);
    // Followed again, it says the same, as long as that is so.
    confirm(&stack, &token).await.assert_status(204);
    assert_eq!(acts(&stack, "email.changed").await, 1);
    assert_eq!(mails(&stack, "email_changed").await.len(), 1);
    run(&stack, "update identity.emails set email = 'mia.later@example.org'").await;
    confirm(&stack, &token).await.assert_invalid(&["/token"]);
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_refused_and_the_old_one_stays() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let token = requested(&stack, &app, NEW).await;
    register(&stack, NEW).await;
    let answer = confirm(&stack, &token).await;
    answer.assert_error(409, "CONFLICT", "User with this email already exists");
    assert_eq!(app.client.get(ME).await.str("email"), MIA);
    assert!(mails(&stack, "email_changed").await.is_empty());
    assert_eq!(acts(&stack, "email.changed").await, 0);
}

#[tokio::test]
async fn of_two_people_who_want_one_address_one_gets_it() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    register(&stack, "max@example.org").await;
    let one = requested(&stack, &app(&stack, MIA).await, NEW).await;
    let other = requested(&stack, &app(&stack, "max@example.org").await, NEW).await;
    let (one, other) = tokio::join!(confirm(&stack, &one), confirm(&stack, &other));
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "{one} and {other}");
}

#[tokio::test]
async fn an_old_link_and_one_that_was_replaced_change_nothing() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let older = requested(&stack, &app, "mia.old@example.org").await;
    let newer = requested(&stack, &app, NEW).await;
    confirm(&stack, &older).await.assert_invalid(&["/token"]);
    run(&stack, "update identity.mail_tokens set expires_at = now()").await;
    confirm(&stack, &newer).await.assert_invalid(&["/token"]);
    confirm(&stack, "x").await.assert_invalid(&["/token"]);
    stack.anonymous().post("/api/v1/identity/email/confirm", json!({})).await.assert_invalid(&["/token"]);
    assert_eq!(value::<String>(&stack, "select email from identity.emails").await, MIA);
}

#[tokio::test]
async fn a_reset_link_to_the_old_address_dies_with_the_change() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let forgot = json!({ "email": MIA });
    stack.anonymous().post("/api/v1/identity/password/forgot", forgot).await.assert_status(202);
    let reset = link_token(&stack, "reset_password").await;
    let token = requested(&stack, &app, NEW).await;
    confirm(&stack, &token).await.assert_status(204);
    let stolen = json!({ "token": reset, "password": "An0therPass" });
    stack.anonymous().post("/api/v1/identity/password/reset", stolen).await.assert_invalid(&["/token"]);
}
