//! verify-email.

use local::testkit::{self, Answer, Client, Stack};
use serde_json::{Value, json};

use crate::people::{
    BROWSER_LOGIN, ME, MIA, PASSWORD, acts, app, assert_limited, assert_not_logged, browser, link_token,
    login, mails, register, run, value,
};

const VERIFY: &str = "/api/v1/identity/email/verify";

async fn verify(caller: &Client, token: &str) -> Answer {
    caller.post(VERIFY, json!({ "token": token })).await
}

async fn verify_by_password(stack: &Stack, token: &str, password: &str) -> Answer {
    stack.anonymous().post(VERIFY, json!({ "token": token, "password": password })).await
}

async fn is_proven(stack: &Stack) -> bool {
    value(stack, "select verified_at is not null from identity.emails").await
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    answer.assert_error(400, "VALIDATION_ERROR", "The link is not valid or has expired");
    answer.assert_invalid(&["/token"]);
}

#[track_caller]
fn assert_asked(answer: &Answer) {
    let words = "sign in to this account, or give its password, to confirm the address";
    answer.assert_error(403, "PROOF_REQUIRED", words);
}

#[tokio::test]
async fn the_link_verifies_the_address_of_who_is_signed_in_and_says_so_again() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    verify(&app.client, &token).await.assert_status(204);
    assert_eq!(app.client.get(ME).await.json()["email_verified"], true);
    // Scanners, double clicks and reloads, also where nobody is signed in.
    for caller in [&app.client, &stack.anonymous(), &stack.user()] {
        verify(caller, &token).await.assert_status(204);
    }
    assert_eq!(acts(&stack, "email.verified").await, 1);
    assert_not_logged(&stack, &[&token]).await;
    // While the address that it verified is verified.
    run(&stack, "update identity.emails set verified_at = null").await;
    assert_refused(&verify(&app.client, &token).await);
    run(&stack, "update identity.emails set verified_at = now(), email = 'mia.elsewhere@example.org'").await;
    assert_refused(&verify(&app.client, &token).await);
}

#[tokio::test]
async fn a_browser_and_the_password_prove_it_too() {
    for way in ["browser", "password"] {
        let stack = testkit::stack().await;
        register(&stack, MIA).await;
        let token = link_token(&stack, "verify_email").await;
        let answer = match way {
            "browser" => verify(&browser(&stack, MIA).await, &token).await,
            _ => verify_by_password(&stack, &token, PASSWORD).await,
        };
        answer.assert_status(204);
        assert!(is_proven(&stack).await, "{way}");
        assert_not_logged(&stack, &[&token, PASSWORD]).await;
    }
}

#[tokio::test]
async fn the_reader_of_the_mailbox_alone_proves_nothing_and_is_asked() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    register(&stack, "ada@example.org").await;
    let planted = app(&stack, MIA).await;
    run(&stack, "delete from identity.mail_tokens where email <> 'mia@example.org'").await;
    let mail = mails(&stack, "verify_email").await.into_iter().find(|mail| mail["to"] == MIA).unwrap();
    let token = mail["link"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    // Nobody, somebody else, a session without its CSRF token, a sign-in that has ended.
    let ended = app(&stack, MIA).await;
    ended.client.request("POST", "/api/v1/identity/auth/logout").await.assert_status(204);
    let login = json!({ "email": MIA, "password": PASSWORD });
    let signed_in = stack.anonymous().post(BROWSER_LOGIN, login).await;
    let without_csrf = stack.anonymous().with_cookies_of(&signed_in);
    let ada = app(&stack, "ada@example.org").await;
    for caller in [&stack.anonymous(), &stack.user(), &ada.client, &ended.client, &without_csrf] {
        assert_asked(&verify(caller, &token).await);
    }
    let sql = "select count(*) from identity.emails where verified_at is not null";
    assert_eq!(value::<i64>(&stack, sql).await, 0);
    planted.client.get(ME).await.assert_status(200);
    // Nothing of that uses the link up.
    verify(&planted.client, &token).await.assert_status(204);
}

#[tokio::test]
async fn the_password_is_not_guessed_here_either() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    for _ in 0..5 {
        let answer = verify_by_password(&stack, &token, "Wr0ngPass").await;
        answer.assert_error(401, "UNAUTHORIZED", "invalid e-mail or password");
    }
    assert_limited(&verify_by_password(&stack, &token, PASSWORD).await, 15 * 60);
    assert_limited(&login(&stack, MIA, PASSWORD).await, 15 * 60);
    assert!(!is_proven(&stack).await);
}

#[tokio::test]
async fn two_at_once_both_hear_that_it_is_done() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let token = link_token(&stack, "verify_email").await;
    let (one, other) = tokio::join!(verify(&app.client, &token), verify(&app.client, &token));
    assert_eq!([one.status(), other.status()], [204, 204], "{one} {other}");
    assert_eq!(acts(&stack, "email.verified").await, 1);
}

#[tokio::test]
async fn an_old_link_a_link_for_something_else_and_none_are_refused() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let caller = app(&stack, MIA).await.client;
    let token = link_token(&stack, "verify_email").await;
    for wrong in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &token[1..]] {
        assert_refused(&verify(&caller, wrong).await);
    }
    run(&stack, "update identity.mail_tokens set purpose = 'reset_password'").await;
    assert_refused(&verify(&caller, &token).await);
    run(&stack, "update identity.mail_tokens set purpose = 'verify_email', expires_at = now()").await;
    assert_refused(&verify(&caller, &token).await);
    caller.post(VERIFY, json!({})).await.assert_invalid(&["/token"]);
}

#[tokio::test]
async fn a_link_to_an_address_that_is_no_longer_the_person_s_verifies_nothing() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let caller = app(&stack, MIA).await.client;
    let token = link_token(&stack, "verify_email").await;
    run(&stack, "update identity.emails set email = 'mia.elsewhere@example.org'").await;
    assert_refused(&verify(&caller, &token).await);
}

#[tokio::test]
async fn a_link_works_three_days_and_the_mail_says_who_registered() {
    let stack = testkit::stack().await;
    let browser = "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/144.0 https://evil.example";
    let new = json!({ "email": MIA, "password": PASSWORD });
    stack
        .anonymous()
        .post(crate::people::REGISTER, new)
        .header("user-agent", browser)
        .await
        .assert_status(201);
    let lifetime: String =
        value(&stack, "select (expires_at - created_at)::text from identity.mail_tokens").await;
    assert_eq!(lifetime, "3 days");
    let mail = &mails(&stack, "verify_email").await[0];
    assert_eq!(mail["program"], "Firefox, Windows");
    let registered: Value = value(&stack, "select to_jsonb(created_at) from identity.emails").await;
    assert_eq!(mail["registered_at"].as_str().unwrap()[..19], registered.as_str().unwrap()[..19]);
    // A new link says the same.
    let app = app(&stack, MIA).await;
    app.client.request("POST", "/api/v1/identity/email/resend").await.assert_status(202);
    let again = &mails(&stack, "verify_email").await[0];
    assert_eq!((&again["program"], &again["registered_at"]), (&mail["program"], &mail["registered_at"]));
    stack.deliver_mail().await;
    let text = &stack.mails().await[0].text;
    assert!(text.contains("Firefox, Windows") && text.contains("UTC") && !text.contains("evil"), "{text}");
}
