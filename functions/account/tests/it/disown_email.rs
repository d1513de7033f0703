//! disown-email.

use local::testkit::{self, Answer, Stack};
use serde_json::json;

use crate::people::{
    MIA, PASSWORD, acts, app, assert_not_logged, browser, forget_limits, link_token, login, refresh,
    register, run, value,
};

async fn disown(stack: &Stack, token: &str) -> Answer {
    stack.anonymous().post("/api/v1/identity/email/disown", json!({ "token": token })).await
}

#[tokio::test]
async fn it_was_not_me_closes_the_account_and_frees_the_address() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let (app, browser) = (app(&stack, MIA).await, browser(&stack, MIA).await);
    run(
        &stack,
        &format!("insert into identity.external_accounts (provider, subject, user_id) values ('clever', 'x', '{id}')"),
    )
    .await;
    let token = link_token(&stack, "verify_email").await;
    disown(&stack, &token).await.assert_status(204);
    app.client.get("/api/v1/me").await.assert_status(401);
    browser.get("/api/v1/me").await.assert_status(401);
    refresh(&stack, &app.refresh_token).await.assert_status(401);
    login(&stack, MIA, PASSWORD).await.assert_status(401);
    for left in
        ["emails", "passwords", "external_accounts", "mail_tokens", "sign_ins where revoked_at is null"]
    {
        assert_eq!(value::<i64>(&stack, &format!("select count(*) from identity.{left}")).await, 0, "{left}");
    }
    assert_eq!(value::<i64>(&stack, "select count(*) from platform.outbox where state <> 'done'").await, 0);
    let due = "select deletion_requested_at is not null and email is null from identity.users";
    assert!(value::<bool>(&stack, due).await, "it is erased after the days of grace");
    for action in ["email.disowned", "sign_in.revoked", "user.deletion_requested"] {
        assert_eq!(acts(&stack, action).await, 1, "{action}");
    }
    assert_not_logged(&stack, &[&token]).await;
    disown(&stack, &token).await.assert_invalid(&["/token"]);

    // The address is free for its owner.
    forget_limits(&stack).await;
    let new = register(&stack, MIA).await;
    assert_ne!(new, id);
}

#[tokio::test]
async fn who_proved_the_address_is_not_disowned() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    let verify = json!({ "token": token });
    app.client.post("/api/v1/identity/email/verify", verify).await.assert_status(204);
    disown(&stack, &token).await.assert_invalid(&["/token"]);
    app.client.get("/api/v1/me").await.assert_status(200);
    for wrong in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        disown(&stack, wrong).await.assert_error(
            400,
            "VALIDATION_ERROR",
            "The link is not valid or has expired",
        );
    }
    stack.anonymous().post("/api/v1/identity/email/disown", json!({})).await.assert_invalid(&["/token"]);
}

#[tokio::test]
async fn a_yes_and_a_no_at_once_have_one_outcome() {
    let stack = testkit::stack().await;
    for round in 0..4 {
        let email = format!("mia{round}@example.org");
        register(&stack, &email).await;
        let app = app(&stack, &email).await;
        let token = link_token(&stack, "verify_email").await;
        let yes = app.client.post("/api/v1/identity/email/verify", json!({ "token": token }));
        let (yes, no) = tokio::join!(yes.into_future(), disown(&stack, &token));
        let proven = format!(
            "select count(*) from identity.emails where email = '{email}' and verified_at is not null"
        );
        match (yes.status(), no.status()) {
            (204, 400) => assert_eq!(value::<i64>(&stack, &proven).await, 1),
            (400 | 401 | 403, 204) => assert_eq!(value::<i64>(&stack, &proven).await, 0),
            _ => panic!("{yes} {no}"),
        }
    }
}

#[tokio::test]
async fn the_last_admin_stays() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    // From before an admin's address had to be proven.
    run(&stack, "alter table identity.users disable trigger admins_are_proven").await;
    run(&stack, "update identity.users set roles = '{admin}'").await;
    let token = link_token(&stack, "verify_email").await;
    disown(&stack, &token).await.assert_error(409, "CONFLICT", "the last admin stays");
    login(&stack, MIA, PASSWORD).await.assert_status(200);
}
