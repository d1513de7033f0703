//! change-password.

use local::testkit::{self, Answer, Client};
use serde_json::json;

use crate::people::{
    MIA, PASSWORD, acts, app, assert_limited, assert_not_logged, browser, login, mails, refresh, register,
    run, value,
};

const NEW: &str = "An0ther phrase";

async fn change(client: &Client, old: &str, new: &str) -> Answer {
    let body = json!({ "current_password": old, "new_password": new });
    client.post("/api/v1/identity/password/change", body).await
}

#[tokio::test]
async fn the_new_password_signs_in_and_every_other_device_is_signed_out() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    run(&stack, "update identity.emails set verified_at = now()").await;
    let (other, own) = (app(&stack, MIA).await, browser(&stack, MIA).await);
    change(&own, PASSWORD, NEW).await.assert_status(204);
    own.get("/api/v1/me").await.assert_status(200);
    refresh(&stack, &other.refresh_token).await.assert_status(401);
    login(&stack, MIA, PASSWORD).await.assert_status(401);
    login(&stack, MIA, NEW).await.assert_status(200);
    assert_eq!(acts(&stack, "password.changed").await, 1);
    assert_eq!(mails(&stack, "password_changed").await[0]["to"], MIA);
    assert_not_logged(&stack, &[PASSWORD, NEW]).await;
}

#[tokio::test]
async fn an_address_that_nobody_has_proven_is_not_mailed_to() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    change(&browser(&stack, MIA).await, PASSWORD, NEW).await.assert_status(204);
    assert!(mails(&stack, "password_changed").await.is_empty(), "it may be a stranger's");
}

#[tokio::test]
async fn a_stolen_token_is_not_enough_nor_a_way_to_guess() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    for _ in 0..5 {
        change(&app.client, "Wr0ngPass", NEW).await.assert_error(403, "FORBIDDEN", "wrong password");
    }
    assert_limited(&change(&app.client, PASSWORD, NEW).await, 15 * 60);
    run(&stack, "delete from identity.rate_limits").await;
    change(&stack.user(), PASSWORD, NEW).await.assert_error(403, "FORBIDDEN", "wrong password");
    change(&stack.anonymous(), PASSWORD, NEW).await.assert_status(401);
    let forged = browser(&stack, MIA).await.csrf("x");
    change(&forged, PASSWORD, NEW).await.assert_error(403, "FORBIDDEN", "missing or wrong CSRF token");
    login(&stack, MIA, PASSWORD).await.assert_status(200);
}

#[tokio::test]
async fn the_new_one_keeps_the_rules() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let app = app(&stack, MIA).await;
    for new in ["short", "password1", MIA] {
        change(&app.client, PASSWORD, new).await.assert_invalid(&["/new_password"]);
    }
    let nothing = app.client.post("/api/v1/identity/password/change", json!({})).await;
    nothing.assert_invalid(&["/current_password", "/new_password"]);
    run(&stack, "update identity.users set deactivated_at = now()").await;
    let answer = change(&app.client, PASSWORD, NEW).await;
    answer.assert_error(403, "FORBIDDEN", "the account is deactivated");
}

#[tokio::test]
async fn of_two_changes_at_once_one_counts() {
    let stack = testkit::stack().await;
    register(&stack, MIA).await;
    let (one, other) = (app(&stack, MIA).await, app(&stack, MIA).await);
    let (first, second) = tokio::join!(
        change(&one.client, PASSWORD, NEW),
        change(&other.client, PASSWORD, "Yet an0ther phrase"),
    );
    // The other's password is wrong by then, or its sign-in has ended before it was looked at.
    let statuses = [first.status(), second.status()];
    assert!(matches!(statuses, [204, 401 | 403] | [401 | 403, 204]), "{first} and {second}");
    let winner = if first.status() == 204 { NEW } else { "Yet an0ther phrase" };
    login(&stack, MIA, winner).await.assert_status(200);
    let alive = "select count(*) from identity.sign_ins where revoked_at is null";
    assert_eq!(value::<i64>(&stack, alive).await, 2, "the winner's, and the new login's");
}
