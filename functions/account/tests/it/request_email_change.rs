//! request-email-change.

use local::testkit::{self, Answer, Client};
use serde_json::json;

use crate::people::{ME, MIA, PASSWORD, app, assert_limited, assert_not_logged, mails, register, run, value};

async fn request(client: &Client, email: &str, password: &str) -> Answer {
    client.post("/api/v1/identity/email/change", json!({ "email": email, "password": password })).await
}

#[tokio::test]
async fn the_link_goes_to_the_new_address_and_nothing_changes_yet() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    request(&app.client, "Mia.New@Example.org", PASSWORD).await.assert_status(202);
    let mails = mails(&stack, "change_email").await;
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (&mails[0]["to"], &mails[0]["new_email"]),
        (&json!("mia.new@example.org"), &json!("mia.new@example.org"))
    );
    let link = mails[0]["link"].as_str().expect("a link");
    assert!(link.starts_with("http://localhost:3000/confirm-email#token="), "{link}");
    assert_eq!(app.client.get(ME).await.str("email"), MIA);
    let lifetime =
        "select (expires_at - created_at)::text from identity.mail_tokens where purpose = 'change_email'";
    assert_eq!(value::<String>(&stack, lifetime).await, "1 day");
    assert_not_logged(&stack, &[PASSWORD, "mia.new"]).await;
}

#[tokio::test]
async fn whether_the_address_is_somebody_s_is_not_told() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    register(&stack, "taken@example.org").await;
    let app = app(&stack, MIA).await;
    let (free, taken) = (
        request(&app.client, "free@example.org", PASSWORD).await,
        request(&app.client, "taken@example.org", PASSWORD).await,
    );
    assert_eq!((free.status(), free.json()), (202, taken.json()));
    assert_eq!(taken.status(), 202);
}

#[tokio::test]
async fn a_stolen_token_is_not_enough_nor_a_way_to_guess() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    for _ in 0..5 {
        let answer = request(&app.client, "eve@example.org", "Wr0ngPass").await;
        answer.assert_error(403, "FORBIDDEN", "wrong password");
    }
    assert_limited(&request(&app.client, "eve@example.org", PASSWORD).await, 15 * 60);
    assert!(mails(&stack, "change_email").await.is_empty());
    run(&stack, "delete from identity.rate_limits").await;
    let missing =
        app.client.post("/api/v1/identity/email/change", json!({ "email": "eve@example.org" })).await;
    missing.assert_invalid(&["/password"]);
    request(&stack.anonymous(), "eve@example.org", PASSWORD).await.assert_status(401);
    request(&app.client, "eve@example", PASSWORD).await.assert_invalid(&["/email"]);
    run(&stack, "update identity.users set deactivated_at = now()").await;
    let answer = request(&app.client, "eve@example.org", PASSWORD).await;
    answer.assert_error(403, "FORBIDDEN", "the account is deactivated");
}

#[tokio::test]
async fn five_links_an_hour_are_enough() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    for number in 0..5 {
        request(&app.client, &format!("victim{number}@example.org"), PASSWORD).await.assert_status(202);
    }
    assert_limited(&request(&app.client, "victim5@example.org", PASSWORD).await, 3600);
}

#[tokio::test]
async fn ten_links_an_hour_are_enough_for_one_address_whoever_asks() {
    let stack = testkit::stack().await;
    for email in [MIA, "ada@example.org", "ben@example.org"] {
        register(&stack, email).await;
    }
    for email in ["ada@example.org", "ben@example.org"] {
        let asker = app(&stack, email).await;
        for _ in 0..5 {
            request(&asker.client, "Victim@example.org", PASSWORD).await.assert_status(202);
        }
    }
    let app = app(&stack, MIA).await;
    assert_limited(&request(&app.client, "victim@example.org", PASSWORD).await, 3600);
    request(&app.client, "mia.lee@example.org", PASSWORD).await.assert_status(202);
}

#[tokio::test]
async fn who_has_no_password_has_signed_in_just_now() {
    let stack = testkit::stack().await;
    let ada = stack.user();
    let change = json!({ "email": "ada@example.org" });
    ada.post("/api/v1/identity/email/change", change.clone()).await.assert_status(202);
    let id = ada.id();
    let sql = format!(
        "insert into identity.sign_ins (id, user_id, kind, method, idle_expires_at, expires_at)
         values (gen_random_uuid(), '{id}', 'token', 'google', now() + interval '1 day', now() + interval '1 day')"
    );
    run(&stack, &sql).await;
    let sign_in = value(&stack, "select id from identity.sign_ins").await;
    for (minutes, status) in [(16, 403), (14, 202)] {
        let caller = ada.bearer(&crate::rights::access_token(&stack, id, sign_in, minutes));
        let answer = caller.post("/api/v1/identity/email/change", change.clone()).await;
        answer.assert_status(status);
        if status == 403 {
            assert_eq!(answer.str("error_code"), "PROOF_REQUIRED");
        }
    }
}
