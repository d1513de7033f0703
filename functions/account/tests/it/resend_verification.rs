//! resend-verification.

use local::testkit::{self, Answer, Client};
use serde_json::json;

use crate::people::{MIA, app, assert_limited, link_token, mails, register, run, value};

async fn resend(client: &Client) -> Answer {
    client.request("POST", "/api/v1/identity/email/resend").await
}

#[tokio::test]
async fn a_new_link_takes_the_older_one_s_place() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    let old = link_token(&stack, "verify_email").await;
    let answer = resend(&app.client).await;
    answer.assert_status(202);
    assert_eq!(answer.json(), json!({ "message": "the link is on its way" }));
    let new = link_token(&stack, "verify_email").await;
    assert_eq!(mails(&stack, "verify_email").await.len(), 2);
    let verify = |token: &str| {
        app.client.post("/api/v1/identity/email/verify", json!({ "token": token })).into_future()
    };
    verify(&old).await.assert_invalid(&["/token"]);
    verify(&new).await.assert_status(204);
    resend(&app.client).await.assert_error(409, "CONFLICT", "the e-mail address is verified");
}

#[tokio::test]
async fn who_has_no_address_here_has_none_to_verify() {
    let stack = testkit::stack().await;
    let answer = resend(&stack.user()).await;
    answer.assert_error(404, "NOT_FOUND", "the account has no e-mail address to verify");
    resend(&stack.anonymous()).await.assert_status(401);
}

#[tokio::test]
async fn five_an_hour_are_enough_and_a_deactivated_person_gets_none() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    for _ in 0..5 {
        resend(&app.client).await.assert_status(202);
    }
    assert_limited(&resend(&app.client).await, 3600);
    run(&stack, "delete from identity.rate_limits").await;
    run(&stack, "update identity.users set deactivated_at = now()").await;
    resend(&app.client).await.assert_error(403, "FORBIDDEN", "the account is deactivated");
    assert_eq!(value::<i64>(&stack, "select count(*) from platform.outbox").await, 6);
}
