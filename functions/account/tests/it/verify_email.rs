//! verify-email.

use local::testkit::{self, Answer, Stack};
use serde_json::json;

use crate::people::{ME, MIA, acts, app, assert_not_logged, link_token, register, run};

async fn verify(stack: &Stack, token: &str) -> Answer {
    stack.anonymous().post("/api/v1/identity/email/verify", json!({ "token": token })).await
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    answer.assert_error(400, "VALIDATION_ERROR", "The link is not valid or has expired");
    answer.assert_invalid(&["/token"]);
}

#[tokio::test]
async fn the_link_verifies_the_address_once() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    verify(&stack, &token).await.assert_status(204);
    assert_eq!(app.client.get(ME).await.json()["email_verified"], true);
    assert_eq!(acts(&stack, "email.verified").await, 1);
    assert_refused(&verify(&stack, &token).await);
    assert_not_logged(&stack, &[&token]).await;
}

#[tokio::test]
async fn of_two_at_once_one_gets_it() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    let (one, other) = tokio::join!(verify(&stack, &token), verify(&stack, &token));
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400]);
}

#[tokio::test]
async fn an_old_link_a_link_for_something_else_and_none_are_refused() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    for wrong in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &token[1..]] {
        assert_refused(&verify(&stack, wrong).await);
    }
    run(&stack, "update identity.mail_tokens set purpose = 'reset_password'").await;
    assert_refused(&verify(&stack, &token).await);
    run(&stack, "update identity.mail_tokens set purpose = 'verify_email', expires_at = now()").await;
    assert_refused(&verify(&stack, &token).await);
    stack.anonymous().post("/api/v1/identity/email/verify", json!({})).await.assert_invalid(&["/token"]);
}

#[tokio::test]
async fn a_link_to_an_address_that_is_no_longer_the_person_s_verifies_nothing() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    run(&stack, "update identity.emails set email = 'mia.elsewhere@example.org'").await;
    assert_refused(&verify(&stack, &token).await);
}

#[tokio::test]
async fn a_link_works_three_days() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let lifetime: String =
        crate::people::value(&stack, "select (expires_at - created_at)::text from identity.mail_tokens")
            .await;
    assert_eq!(lifetime, "3 days");
}
