//! remove-way-in.

use local::testkit::{self, Answer, Client, Stack};
use serde_json::json;
use uuid::Uuid;

use crate::outside_sign_in::{self, mia, sign_in, with_csrf};
use crate::people::{MIA, PASSWORD, acts, app, mails, refresh, register, run, value};
use crate::rights::access_token;

fn path(id: Uuid) -> String {
    format!("/api/v1/identity/ways-in/{id}")
}

/// Gives the person an account elsewhere.
async fn link(stack: &Stack, person: Uuid, provider: &str, subject: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sql = format!(
        "insert into identity.external_accounts (id, provider, subject, user_id)
         values ('{id}', '{provider}', '{subject}', '{person}')"
    );
    run(stack, &sql).await;
    id
}

async fn remove(caller: &Client, id: Uuid) -> Answer {
    caller.delete(&path(id)).await
}

#[tokio::test]
async fn it_opens_nothing_any_more_and_its_sign_ins_end() {
    let (stack, provider) = outside_sign_in::start(&[]).await;
    register(&stack, MIA).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    let app = app(&stack, MIA).await;
    provider.sign_in(mia());
    let (by_google, _) = sign_in(&stack, &provider, "google").await;
    by_google.get("/api/v1/me").await.assert_status(200);
    let id: Uuid = value(&stack, "select id from identity.external_accounts").await;
    // One from before sign-ins said which account made them.
    run(&stack, "update identity.sign_ins set external_account_id = null where method = 'google'").await;
    let (another, _) = sign_in(&stack, &provider, "google").await;

    remove(&app.client, id).await.assert_status(204);
    for ended in [&by_google, &another] {
        ended.get("/api/v1/me").await.assert_status(401);
    }
    refresh(&stack, &app.refresh_token).await.assert_status(200);
    let told = mails(&stack, "way_in_removed").await;
    assert_eq!((&told[0]["to"], &told[0]["way"]), (&json!(MIA), &json!("Google")));
    assert_eq!(acts(&stack, "external_account.removed").await, 1);
    remove(&app.client, id).await.assert_error(404, "NOT_FOUND", "way in not found");
}

#[tokio::test]
async fn anothers_is_404_and_the_last_one_stays() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    register(&stack, "ada@example.org").await;
    let (mia, ada) = (app(&stack, MIA).await, app(&stack, "ada@example.org").await);
    let google = link(&stack, id, "google", "1").await;
    for (caller, way_in) in [(&ada.client, google), (&mia.client, Uuid::new_v4())] {
        remove(caller, way_in).await.assert_error(404, "NOT_FOUND", "way in not found");
    }
    run(&stack, "delete from identity.passwords").await;
    remove(&mia.client, google).await.assert_error(409, "CONFLICT", "the last way in stays");
    link(&stack, id, "clever", "1").await;
    remove(&mia.client, google).await.assert_status(204);
    assert!(mails(&stack, "way_in_removed").await.is_empty(), "nobody has proven the address");
    stack.anonymous().delete(&path(google)).await.assert_status(401);
    mia.client.delete("/api/v1/identity/ways-in/7").await.assert_invalid(&["/way_in_id"]);
}

#[tokio::test]
async fn of_the_last_two_removed_at_once_one_stays() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let mia = app(&stack, MIA).await;
    run(&stack, "delete from identity.passwords").await;
    for round in 0..4 {
        let one = link(&stack, id, "google", &format!("{round}")).await;
        let other = link(&stack, id, "clever", &format!("{round}")).await;
        let (first, second) = tokio::join!(remove(&mia.client, one), remove(&mia.client, other));
        let mut statuses = [first.status(), second.status()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "{first} {second}");
        run(&stack, "delete from identity.external_accounts").await;
    }
}

#[tokio::test]
async fn a_stolen_session_removes_nothing() {
    let stack = testkit::stack().await;
    let id = register(&stack, MIA).await;
    let google = link(&stack, id, "google", "1").await;
    app(&stack, MIA).await;
    let sign_in: Uuid = value(&stack, "select id from identity.sign_ins").await;
    let late = stack.anonymous().bearer(&access_token(&stack, id, sign_in, 16));
    let asked = remove(&late, google).await;
    asked.assert_error(
        403,
        "PROOF_REQUIRED",
        "prove again who you are: sign in again, or give your password",
    );
    let wrong = late.delete(&path(google)).json(&json!({ "password": "Wr0ngPass" })).await;
    wrong.assert_error(403, "FORBIDDEN", "wrong password");
    let right = late.delete(&path(google)).json(&json!({ "password": PASSWORD })).await;
    right.assert_status(204);
}

#[tokio::test]
async fn a_write_by_a_session_has_its_csrf_token_and_a_deactivated_person_none() {
    let (stack, provider) = outside_sign_in::start(&[]).await;
    provider.sign_in(mia());
    let (browser, _) = sign_in(&stack, &provider, "google").await;
    let id: Uuid = value(&stack, "select id from identity.external_accounts").await;
    remove(&browser, id).await.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    let browser = with_csrf(&browser).await;
    remove(&browser, id).await.assert_error(409, "CONFLICT", "the last way in stays");
    run(&stack, "update identity.users set deactivated_at = now()").await;
    remove(&browser, id).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
}
