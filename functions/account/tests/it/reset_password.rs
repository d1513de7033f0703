//! reset-password.

use local::testkit::{self, Answer, Stack};
use serde_json::json;

use crate::people::{
    ME, MIA, PASSWORD, acts, app, assert_not_logged, browser, forget_limits, link_token, login, mails,
    refresh, register, run, value,
};

const NEW: &str = "An0ther phrase";

/// Asks for a link, and gives its token.
async fn requested(stack: &Stack) -> String {
    let forgot = json!({ "email": MIA });
    stack.anonymous().post("/api/v1/identity/password/forgot", forgot).await.assert_status(202);
    link_token(stack, "reset_password").await
}

async fn reset(stack: &Stack, token: &str, password: &str) -> Answer {
    let body = json!({ "token": token, "password": password });
    stack.anonymous().post("/api/v1/identity/password/reset", body).await
}

#[tokio::test]
async fn the_new_password_signs_in_and_everybody_else_is_signed_out() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    // Of somebody whose address is known to be theirs; see below for one that is not.
    run(&stack, "update identity.emails set verified_at = now()").await;
    let (app, browser) = (app(&stack, MIA).await, browser(&stack, MIA).await);
    let token = requested(&stack).await;
    reset(&stack, &token, NEW).await.assert_status(204);
    refresh(&stack, &app.refresh_token).await.assert_status(401);
    browser.get("/api/v1/me").await.assert_status(401);
    login(&stack, MIA, PASSWORD).await.assert_status(401);
    let answer = login(&stack, MIA, NEW).await;
    let caller = stack.anonymous().bearer(&answer.str("access_token"));
    assert_eq!(caller.get(ME).await.json()["email_verified"], true, "the mailbox is theirs");
    let because = "select string_agg(distinct revoked_because, ' ') from identity.sign_ins";
    assert_eq!(value::<String>(&stack, because).await, "password");
    assert_eq!(acts(&stack, "password.reset").await, 1);
    assert_eq!(mails(&stack, "password_changed").await[0]["to"], MIA);
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.users").await, 1, "the same account");
    assert_not_logged(&stack, &[NEW, &token]).await;
}

#[tokio::test]
async fn a_link_works_once_and_the_newest_one_alone() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (older, newer) = (requested(&stack).await, requested(&stack).await);
    reset(&stack, &older, NEW).await.assert_invalid(&["/token"]);
    let (one, other) = tokio::join!(reset(&stack, &newer, NEW), reset(&stack, &newer, "Yet an0ther"));
    let mut statuses = [one.status(), other.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 400], "{one} and {other}");
    reset(&stack, &newer, NEW).await.assert_invalid(&["/token"]);
    let token = requested(&stack).await;
    run(&stack, "update identity.mail_tokens set expires_at = now()").await;
    reset(&stack, &token, NEW).await.assert_invalid(&["/token"]);
}

#[tokio::test]
async fn a_refused_password_does_not_use_the_link_up() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let token = requested(&stack).await;
    for password in ["short", "password1", MIA] {
        reset(&stack, &token, password).await.assert_invalid(&["/password"]);
    }
    reset(&stack, "x", "short").await.assert_invalid(&["/password"]);
    reset(&stack, &token, NEW).await.assert_status(204);
    stack
        .anonymous()
        .post("/api/v1/identity/password/reset", json!({}))
        .await
        .assert_invalid(&["/token", "/password"]);
}

#[tokio::test]
async fn who_had_no_password_has_one_now() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, "delete from identity.passwords").await;
    let token = requested(&stack).await;
    reset(&stack, &token, NEW).await.assert_status(204);
    forget_limits(&stack).await;
    login(&stack, MIA, NEW).await.assert_status(200);
}

#[tokio::test]
async fn a_reset_opens_an_account_that_failures_here_had_closed() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    for _ in 0..5 {
        login(&stack, MIA, "not the password").await.assert_status(401);
    }
    login(&stack, MIA, PASSWORD).await.assert_status(429);
    let token = requested(&stack).await;
    reset(&stack, &token, NEW).await.assert_status(204);
    login(&stack, MIA, NEW).await.assert_status(200);
}

#[tokio::test]
async fn a_reset_counts_also_where_the_attempts_before_it_cannot_be_forgotten() {
    // Nobody listens there.
    let nowhere = "redis://127.0.0.1:1";
    let stack = Stack::builder().env("LIMITS_BACKEND", "redis").env("REDIS_URL", nowhere).start().await;
    let id = uuid::Uuid::new_v4();
    for sql in [
        format!("insert into identity.users (id, email) values ('{id}', '{MIA}')"),
        format!("insert into identity.emails (email, user_id, verified_at) values ('{MIA}', '{id}', now())"),
        // The hash of 32 zeros.
        format!(
            "insert into identity.mail_tokens (token_hash, user_id, purpose, email, expires_at)
             values (sha256(decode(repeat('00', 32), 'hex')), '{id}', 'reset_password', '{MIA}', now() + interval '1 hour')"
        ),
    ] {
        run(&stack, &sql).await;
    }
    reset(&stack, &"A".repeat(43), NEW).await.assert_status(204);
    assert_eq!(acts(&stack, "password.reset").await, 1);
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.passwords").await, 1);
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.mail_tokens").await, 0);
    assert_not_logged(&stack, &[NEW, MIA]).await;
    let warning = |line: &str| line.contains("\"WARN\"") && line.contains("\"error_code\":\"UNAVAILABLE\"");
    assert!(stack.lines().iter().any(|line| warning(&line.line)), "{:?}", stack.lines());
}

#[tokio::test]
async fn a_pending_change_of_address_does_not_survive_the_reset() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    let thief = app(&stack, MIA).await;
    let change = json!({ "email": "thief@example.org", "password": PASSWORD });
    thief.client.post("/api/v1/identity/email/change", change).await.assert_status(202);
    let stolen = link_token(&stack, "change_email").await;
    let token = requested(&stack).await;
    reset(&stack, &token, NEW).await.assert_status(204);
    let confirm = stack.anonymous().post("/api/v1/identity/email/confirm", json!({ "token": stolen })).await;
    confirm.assert_invalid(&["/token"]);
    assert_eq!(value::<String>(&stack, "select email from identity.emails").await, MIA);
}

#[tokio::test]
async fn an_address_that_was_never_proven_goes_to_its_reader_and_the_content_stays() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let first = app(&stack, MIA).await;
    let scene = json!({
        "title": "private words", "template_id": "CUSTOM", "counterparty_role": "PEER", "relationship_level": "SMOOTH",
        "goal": "x", "context": "x", "power_dynamic": "PEER_LEVEL",
    });
    first.client.post("/api/v1/scenes", scene).await.assert_status(201);
    first.client.patch("/api/v1/users/me", json!({ "phone": "12345" })).await.assert_status(200);
    let token = requested(&stack).await;
    assert_eq!(mails(&stack, "reset_password").await[0]["starts_anew"], true, "the mail says so");
    reset(&stack, &token, NEW).await.assert_status(204);

    let answer = login(&stack, MIA, NEW).await;
    let owner = stack.anonymous().bearer(&answer.str("access_token"));
    let user = owner.get(ME).await.json();
    assert_ne!(user["id"], id.to_string());
    assert_eq!((&user["email_verified"], &user["roles"]), (&json!(true), &json!(["student"])));
    assert!(!owner.get("/api/v1/scenes").await.text().contains("private"));
    assert_eq!(owner.get("/api/v1/users/me").await.json()["phone"], json!(null));
    // Who came first stays in, with everything but the address, and no mail to it is left.
    let user = first.client.get(ME).await.json();
    assert_eq!((&user["id"], &user["email"]), (&json!(id.to_string()), &json!(null)));
    assert!(first.client.get("/api/v1/scenes").await.text().contains("private words"));
    refresh(&stack, &first.refresh_token).await.assert_status(200);
    login(&stack, MIA, PASSWORD).await.assert_status(401);
    let left = format!("select count(*) from platform.outbox where user_id = '{id}'");
    assert_eq!(value::<i64>(&stack, &left).await, 0);
    for action in ["email.removed", "email.verified", "password.reset"] {
        assert_eq!(acts(&stack, action).await, 1, "{action}");
    }
    assert_eq!(acts(&stack, "user.registered").await, 2);

    // They add an address of theirs with the password that they have.
    let change = json!({ "email": "first@example.org", "password": PASSWORD });
    first.client.post("/api/v1/identity/email/change", change).await.assert_status(202);
    let token = link_token(&stack, "change_email").await;
    let confirm = stack.anonymous().post("/api/v1/identity/email/confirm", json!({ "token": token })).await;
    confirm.assert_status(204);
    let answer = login(&stack, "first@example.org", PASSWORD).await;
    let again = stack.anonymous().bearer(&answer.str("access_token"));
    assert_eq!(again.get(ME).await.str("id"), id.to_string());
}

#[tokio::test]
async fn who_is_signed_in_to_the_unproven_account_keeps_it() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let (mia, other) = (app(&stack, MIA).await, app(&stack, MIA).await);
    let token = requested(&stack).await;
    let body = json!({ "token": token, "password": NEW });
    mia.client.post("/api/v1/identity/password/reset", body).await.assert_status(204);
    let answer = login(&stack, MIA, NEW).await;
    let user = stack.anonymous().bearer(&answer.str("access_token")).get(ME).await.json();
    assert_eq!((&user["id"], &user["email_verified"]), (&json!(id.to_string()), &json!(true)));
    refresh(&stack, &other.refresh_token).await.assert_status(401);
}

#[tokio::test]
async fn a_reset_removes_what_is_not_kept() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    run(
        &stack,
        &format!(
            "insert into identity.external_accounts (id, provider, subject, user_id)
             values ('00000000-0000-7000-8000-0000000000a1', 'google', 'mine', '{id}'),
                    ('00000000-0000-7000-8000-0000000000a2', 'google', 'former', '{id}'),
                    ('00000000-0000-7000-8000-0000000000a3', 'clever', 'school', '{id}')"
        ),
    )
    .await;
    let token = requested(&stack).await;
    let stranger = "00000000-0000-7000-8000-0000000000ff";
    let kept = ["00000000-0000-7000-8000-0000000000a1", stranger];
    let body = json!({ "token": token, "password": NEW, "keep_ways_in": kept });
    stack.anonymous().post("/api/v1/identity/password/reset", body).await.assert_status(204);
    let left = "select string_agg(subject, ' ') from identity.external_accounts";
    assert_eq!(value::<String>(&stack, left).await, "mine");
    assert_eq!(mails(&stack, "way_in_removed").await.len(), 2, "each is told of");
    assert_eq!(acts(&stack, "external_account.removed").await, 2);
    // Without a word all go.
    let token = requested(&stack).await;
    reset(&stack, &token, NEW).await.assert_status(204);
    assert_eq!(value::<i64>(&stack, "select count(*) from identity.external_accounts").await, 0);
    // What is no list of ids is refused, and does not use the link up.
    let token = requested(&stack).await;
    let body = json!({ "token": token, "password": NEW, "keep_ways_in": ["mine"] });
    let answer = stack.anonymous().post("/api/v1/identity/password/reset", body).await;
    answer.assert_invalid(&["/keep_ways_in/0"]);
    reset(&stack, &token, NEW).await.assert_status(204);
}
